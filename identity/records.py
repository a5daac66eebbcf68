"""Customers as records that can be compared: what their names, e-mail and addresses come down to.

A record has of a name the first and the last one, whatever the order and the spelling that it came
in (`Smith, Dr. Anna` and `anna smith` are the same); of an e-mail address what its provider takes
for the same; of a postal address the number, the postcode and the other words. What stands for
nothing (`Unknown`, `Test Test`, `none@none.com`) is null. Where a source declares more of its
customers (`extra:`), a record has that too: a phone number as its last digits, a day as ISO 8601.
"""

from collections.abc import Sequence

import duckdb

from identity.words import provide

PHONE, BIRTH_DATE = "phone", "birth_date"
PREFIX = "extra_"  # of the columns of what else is declared

# Of the name, as it is written and in the form that it is compared in.
_LETTERS = "lower(nfc_normalize({text}))"
for _letter, _plain in {
    "ł": "l", "ø": "o", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ı": "i",
}.items():  # which are letters of their own, and not accents  # fmt: skip
    _LETTERS = f"replace({_LETTERS}, '{_letter}', '{_plain}')"
_LETTERS = f"strip_accents({_LETTERS})"
_TOKENS = r"""
list_filter(
    regexp_split_to_array(
        regexp_replace({letters}, '[''’‘`´]', '', 'g'),
        '[^\p{{L}}\p{{M}}\p{{N}}]+'
    ),
    lambda word: word <> ''
)
"""


def _tokens(text: str) -> str:
    return _TOKENS.format(letters=_LETTERS.format(text=text))


_NAMES = rf"""
create or replace temp table record_names as
with written as (
    select
        customer_id,
        -- `Smith, Anna` is Anna Smith; `Smith, Jr.` is not.
        case
            when
                regexp_full_match(customer_name, '[^,]+,[^,]+')
                and not list_contains(
                    map_keys(getvariable('generations')),
                    trim(lower(split_part(customer_name, ',', 2)), ' .')
                )
                then split_part(customer_name, ',', 2) || ' ' || split_part(customer_name, ',', 1)
            else customer_name
        end as customer_name
    from customers
    where customer_name <> 'Unknown'
),

tokens as (
    select
        customer_id,
        list_filter(
            {_tokens("customer_name")},
            lambda word: not list_contains(getvariable('titles'), word)
        ) as all_words
    from written
),

generations as (
    select
        customer_id,
        case
            when len(all_words) > 2 then getvariable('generations')[all_words[-1]]
        end as generation,
        list_filter(
            case
                when len(all_words) > 2 and generation is not null then all_words[:-2]
                else all_words
            end,
            lambda word: not list_contains(getvariable('particles'), word)
        ) as without_particles,
        case when len(without_particles) > 1 then without_particles else all_words end as words
    from tokens
    where
        len(all_words) > 0
        and not len(list_filter(
            all_words, lambda word: not list_contains(getvariable('no_names'), word)
        )) = 0
),

parts as (
    select
        customer_id,
        generation,
        words,
        -- Chinese, Japanese and Korean names have no blank: the family's comes first.
        len(words) = 1 and regexp_full_match(words[1], '[\p{{Han}}\p{{Hangul}}]{{2,4}}') as joined,
        case
            when joined then words[1][2:]
            when len(words) > 1 then words[1]
        end as first,
        regexp_replace(
            case when joined then words[1][1:1] else words[-1] end, '([aou])e', '\1', 'g'
        ) as last  -- Müller is Mueller, too
    from generations
)

select
    parts.customer_id,
    parts.generation,
    parts.words,
    parts.first,
    parts.last,
    coalesce(list_prepend(parts.first, nicknames.names), [parts.first]) as firsts,
    coalesce(nicknames.names[1], parts.first) as first_root
from parts
left join nicknames on parts.first = nicknames.nickname
"""

_MAILS = r"""
create or replace temp table record_mails as
with written as (
    select
        customer_id,
        trim(lower(email)) as email,
        split_part(email, '@', 1) as mailbox,
        split_part(email, '@', 2) as written_domain
    from (select customer_id, trim(lower(email)) as email from customers)
    where regexp_full_match(email, '[^@\s]+@[^@\s]+')
),

-- Few domains are compared with those that are known, not each address's.
domains as materialized (
    select
        written_domain,
        coalesce(
            getvariable('same_domains')[written_domain],
            list_filter(
                getvariable('common_domains'),
                lambda known: len(known) > 7 and damerau_levenshtein(known, written_domain) = 1
            )[1],
            written_domain
        ) as domain
    from (select written_domain, count(*) as addresses from written group by all)
),

boxes as (
    select
        customer_id,
        domain,
        case
            when list_contains(getvariable('without_tags'), domain)
                then regexp_replace(mailbox, '(.)\+.*', '\1')
            else mailbox
        end as untagged,
        case
            when list_contains(getvariable('without_dots'), domain) then replace(untagged, '.', '')
            else untagged
        end as mailbox
    from written
    inner join domains using (written_domain)
)

select
    customer_id,
    mailbox,
    domain,
    mailbox || '@' || domain as email,
    regexp_replace(mailbox, '[^0-9]', '', 'g') as mailbox_digits
from boxes
where
    not list_contains(getvariable('no_mailboxes'), mailbox)
    and not list_contains(getvariable('no_mail_domains'), domain)
"""

_ADDRESSES = rf"""
create or replace temp table record_addresses as
with tokens as (
    select
        customer_id,
        list_transform(
            {_tokens("address")},
            lambda word: coalesce(
                getvariable('address_words')[word], regexp_replace(word, '([aou])e', '\1', 'g')
            )
        ) as words,
        -- The United Kingdom's and the Netherlands' have a blank inside.
        replace(regexp_extract(
            lower(address), '\b([a-z]{{1,2}}\d[a-z\d]? ?\d[a-z]{{2}}|\d{{4}} ?[a-z]{{2}})\b', 1
        ), ' ', '') as lettered
    from customers
    where address <> 'Unknown'
),

parts as (
    select
        customer_id,
        list_filter(words, lambda word: regexp_full_match(word, '\d{{1,6}}[a-z]?')) as numbers,
        case
            when lettered <> '' and regexp_full_match(lettered, '[a-z].*') then lettered
            -- A number that stands first, and alone, is the house's.
            when regexp_full_match(words[1], '\d{{4,6}}') and len(numbers) = 1 then null
            else list_filter(words, lambda word: regexp_full_match(word, '\d{{4,6}}'))[-1]
        end as postcode,
        list_filter(numbers, lambda number: number is distinct from postcode)[1] as number,
        list_filter(
            words,
            lambda word: regexp_matches(word, '\p{{L}}')
            and not regexp_full_match(word, '\d{{1,5}}[a-z]?')
        ) as words
    from tokens
    where len(list_filter(
        words, lambda word: not list_contains(getvariable('no_addresses'), word)
    )) > 0
)

select
    customer_id,
    postcode,
    number,
    words,
    nullif(array_to_string(words, ''), '') as street,
    list_aggregate(
        list_transform(words, lambda word: 1::bigint << (hash(word) % 63)::integer), 'bit_or'
    ) as word_bits
from parts
"""

_EXTRA = {
    PHONE: "nullif(right(regexp_replace({value}, '[^0-9]', '', 'g'), 9), '')",
    BIRTH_DATE: "coalesce(try_cast({value} as date)::varchar, "
    "try_strptime({value}, ['%d.%m.%Y', '%d/%m/%Y', '%Y%m%d'])::date::varchar, {value})",
}
_OTHER = "nullif(trim(lower(strip_accents({value}))), '')"


def column_of(attribute: str) -> str:
    """Return the column of a record that has a declared attribute."""
    return attribute if attribute in _EXTRA else PREFIX + attribute


def make_records(
    connection: duckdb.DuckDBPyConnection, table: str, attributes: Sequence[str]
) -> None:
    """Make a table of records of the table `customers`, a row each.

    That has customer_id (text), customer_name, email and address, and `attributes`, a map of
    those that are declared.
    """
    provide(connection)
    for statement in (_NAMES, _MAILS, _ADDRESSES):
        connection.execute(statement)
    extra = "".join(
        f", {_EXTRA.get(name, _OTHER).format(value=value)} as {column_of(name)}"
        for name in attributes
        for value in [f"customers.attributes['{name}']"]
    )
    connection.execute(f"""
        create or replace table {table} as
        select
            customers.customer_id,
            customers.seen_at,
            {FINGERPRINT} as fingerprint,
            names.first,
            names.first_root,
            names.firsts,
            names.last,
            names.words as name_words,
            array_to_string(names.words, '') as joined,
            array_to_string(list_sort(names.words), '') as sorted_joined,
            names.first_root || ' ' || names.last as name,
            names.generation,
            mails.mailbox,
            mails.domain,
            mails.mailbox_digits,
            mails.email,
            addresses.postcode,
            addresses.number,
            addresses.words as address_words,
            addresses.street,
            addresses.word_bits
            {extra}
        from customers
        left join record_names as names using (customer_id)
        left join record_mails as mails using (customer_id)
        left join record_addresses as addresses using (customer_id)
    """)
    for name in ("record_names", "record_mails", "record_addresses"):
        connection.execute(f"drop table {name}")


FINGERPRINT = (
    "hash(customers.customer_name, customers.email, customers.address, "
    "customers.attributes::varchar)"
)
"""Changes when what a customer's record is made from does."""
