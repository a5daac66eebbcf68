"""What the made-up retailer's customers are called and where they live.

The first names and last names that most people have are listed, the many rare ones are put together
from parts, as are streets and towns, and each comes up as often as its place in the list says. So
there are thousands of each, and the common ones are as crowded as they are in reality.
"""

from __future__ import annotations

from itertools import chain, product

from demo.vocabulary import FIRST_NAMES as KNOWN_FIRST_NAMES
from demo.vocabulary import LAST_NAMES as KNOWN_LAST_NAMES


def _words(text: str) -> list[str]:
    return text.split()


def _listed(text: str) -> list[str]:
    return [item.strip() for line in text.strip().splitlines() for item in line.split("|")]


def _once(*lists: list[str]) -> list[str]:
    return list(dict.fromkeys(chain(*lists)))


# Short forms that everybody knows, by first name.
NICKNAMES: dict[str, list[str]] = {
    first: short.split()
    for first, short in (
        pair.split(": ")
        for pair in _listed(
            """
            James: Jim Jimmy | Robert: Bob Rob Bobby | Patricia: Pat Patty | John: Johnny Jack
            Jennifer: Jen Jenny | Michael: Mike Mick | Elizabeth: Liz Beth Betty | Joshua: Josh
            William: Bill Will Billy | Barbara: Barb | Richard: Dick Rick | Susan: Sue Susie
            Joseph: Joe Joey | Jessica: Jess | Thomas: Tom Tommy | Charles: Charlie Chuck
            Christopher: Chris | Daniel: Dan Danny | Matthew: Matt | Anthony: Tony | Donald: Don
            Steven: Steve | Andrew: Andy Drew | Kimberly: Kim | Margaret: Maggie Peggy Meg
            Kenneth: Ken Kenny | Amanda: Mandy | Timothy: Tim | Deborah: Deb Debbie | Ronald: Ron
            Stephanie: Steph | Rebecca: Becky Becca | Edward: Ed Eddie Ted | Jeffrey: Jeff
            Cynthia: Cindy | Jacob: Jake | Kathleen: Kathy Kate | Nicholas: Nick | Angela: Angie
            Jonathan: Jon | Benjamin: Ben | Samuel: Sam Sammy | Gregory: Greg | Alexander: Alex
            Patrick: Pat Paddy | Raymond: Ray | Lawrence: Larry | Gerald: Gerry | Douglas: Doug
            Catherine: Cathy Kate | Katherine: Kathy Katie | Christine: Chris Tina | Victoria: Vicky
            Samantha: Sam | Pamela: Pam | Theresa: Terry Tess | Jacqueline: Jackie | Alexandra: Alex
            Abigail: Abby | Gabriel: Gabe | Zachary: Zach | Nathaniel: Nate | Frederick: Fred
            Leonard: Len Lenny | Vincent: Vince | Stanley: Stan | Theodore: Ted Theo
            Philip: Phil | Eugene: Gene | Walter: Walt | Peter: Pete | Francis: Frank | Albert: Al
            Josephine: Josie | Judith: Judy | Virginia: Ginny | Dorothy: Dot Dottie | Suzanne: Sue
            """
        )
    )
}

# Pairs of names that twins and siblings are given: alike, and yet each a name of its own.
TWINS: dict[str, str] = {
    first: other
    for pair in _listed(
        """
        Emily: Emma | Daniel: David | Anna: Hannah | Eric: Erica | Paul: Paula | Laura: Lauren
        Julia: Julian | Christopher: Christine | Patrick: Patricia | Michael: Michelle
        Robert: Roberta | Stephen: Stephanie | Joseph: Josephine | Andrew: Andrea | John: Joan
        George: Georgia | Brian: Brianna | Samuel: Samantha | Matthew: Matthias | Jennifer: Jessica
        Alexander: Alexandra | Gabriel: Gabrielle | Nicholas: Nicole | Charles: Charlotte
        William: Wilma | Thomas: Timothy | Karen: Katrina | Ronald: Donald | Mark: Martin
        Sharon: Sherry | Kevin: Kelvin | Gary: Greta | Linda: Lydia | Jason: Jacob | Amy: Amber
        """
    )
    for first, other in [pair.split(": "), pair.split(": ")[::-1]]
}

# Names that fathers give to their sons.
INHERITED = frozenset(
    _words(
        """
        James Robert John Michael David William Richard Joseph Thomas Charles Daniel Anthony Donald
        Steven Kenneth George Edward Ronald Jeffrey Jacob Gary Samuel Frank Raymond Walter Carl
        """
    )
)

_MORE_FIRST_NAMES = _words(
    """
    Alexander Amber Andrea Benjamin Samuel Gregory Patrick Raymond Lawrence Gerald Douglas Catherine
    Katherine Christine Victoria Samantha Pamela Theresa Jacqueline Alexandra Abigail Gabriel
    Zachary Nathaniel Frederick Leonard Vincent Stanley Theodore Philip Eugene Walter Peter Francis
    Albert Josephine Judith Virginia Dorothy Suzanne Emma Hannah Erica Paula Lauren Julia Julian
    Roberta Stephen Joan Georgia Brianna Matthias Gabrielle Nicole Charlotte Wilma Katrina Martin
    Sherry Kelvin Greta Lydia Heather Diane Janet Carolyn Maria Frances Martha Debra Rachel Ruth
    Brenda Olivia Sophia Grace Rose Evelyn Joyce Teresa Doris Sara Janice Kathryn Gloria Megan Alice
    Ann Jean Judy Denise Beverly Marilyn Danielle Natalie Brittany Diana Kayla Alexis Lori Frank
    Scott Brandon Dennis Jerry Tyler Aaron Jose Adam Nathan Henry Kyle Noah Ethan Jeremy Keith Roger
    Terry Austin Sean Carl Arthur Dylan Jordan Jesse Bryan Billy Bruce Willie Alan Juan Wayne Roy
    Ralph Randy Louis Bobby Russell Johnny Philippe Claire Elena Irene Monica Carmen Lucia Rosa Ines
    Pilar Javier Carlos Luis Miguel Antonio Manuel Pedro Ahmed Mohammed Omar Hassan Ibrahim Samira
    Nadia Ling Xin Yan Jin Hao Ravi Anil Vijay Sunita Lakshmi Kenji Yuki Akira Piotr Marek
    Tomasz Agnieszka Katarzyna Zofia Jan Hans Klaus Dieter Ursula Heike Günther Jörg Käthe Renée
    Hélène Zoé Benoît Céline Aurélie Sébastien Jérôme Óscar Raúl Joaquín Ángela Mónica Verónica
    Sofía Lucía Begoña João Inês Åsa Märta Anders Björn Bjørn Håkon Astrid Sigrid Kerstin Ilse
    """
)
_FIRST_STARTS = _words(
    """
    Ada Al Ame An Ar Be Bel Bri Ca Ce Co Da De El Em Eva Fe Ga Gi Ha He Il Is Ja Jo Ka Ke La Le Li
    Lo Ma Me Mi Na Ne Ni No Ol Or Pe Ra Re Ri Ro Sa Se Si So Ta Te Ti Va Ve Vi Ya Za
    """
)
_FIRST_ENDS = _words(
    """
    lena mira nelle rian rick son lyn dor vin bert ton mond sha nia vra lia nor vic wen del mar seth
    veth rina line
    """
)
FIRST_NAMES = _once(
    # Those with a nickname in quotes are made, of people who go by it.
    [name for name in KNOWN_FIRST_NAMES if '"' not in name],
    _MORE_FIRST_NAMES,
    [start + end for end, start in product(_FIRST_ENDS, _FIRST_STARTS)],
)

_MORE_LAST_NAMES = _words(
    """
    Butler Simmons Barnes Henderson Coleman Jenkins Perry Powell Patterson Washington Simpson Graham
    Sullivan Wallace West Cole Hayes Gibson Bryant Ellis Stevens Marshall Owens McCoy Hamilton
    Kennedy Wells Webb Tucker Freeman Burns Henry Crawford Hunter Gordon Boyd Mason Dixon Hunt Shaw
    Holmes Rice Black Robertson Palmer Ferguson Rose Stone Dunn Perkins Hudson Spencer Gardner
    Payne Pierce Berry Matthews Arnold Wagner Willis Watkins Olson Carroll Duncan Snyder Hart
    Cunningham Lane Andrews Ruiz Harper Fox Riley Armstrong Carpenter Weaver Greene Lawrence Elliott
    Sims Austin Peters Kelley Franklin Lawson Fields Ryan Schmidt Carr Wheeler Chapman Oliver
    Montgomery Richards Williamson Johnston Banks Meyer Bishop McCarthy Silva Morrison Fernandez
    Vasquez Romero Castro Soto Vargas Guzman Delgado Santos Ortega Vega Rios Pham Tran Huynh Vu Liu
    Yang Huang Zhao Park Choi Cho Gupta Sharma Reddy Rao Kaur Hussain Ahmed Rahman Hassan Abdi
    Tanaka Suzuki Sato Ivanova Petrov Novák Horváth Nagy Kovač Jović Żak Wiśniewski Zieliński
    Lewandowski Schröder Schäfer Köhler König Krüger Böhm Günther Bauer Hoffmann Weber Schneider
    Fischer Lindström Åkesson Jönsson Nilsson Bergström Hansen Jørgensen Møller Østergård Larsen
    Dubois Moreau Mercier Bérenger Géraud Peña Muñoz Núñez Ibáñez Hernández Rodríguez Gómez Pérez
    Gonçalves Conceição Simões Araújo Rossi Ricci Marino Fitzgerald O'Neill O'Reilly MacDonald
    MacLeod D'Angelo Papadopoulos Katsaros Yılmaz Öztürk Demir Çelik
    """
)
_LAST_STARTS = _words(
    """
    Ash Ayl Bain Bar Beck Bel Ben Birch Black Blen Brad Bram Bran Brent Brink Brock Brom Buck Bur
    Cal Car Cas Chad Chan Chel Clay Clif Col Con Cor Cran Crom Dal Dan Dar Den Dray Dun East Ed El
    Ever Fair Far Fen Fern Fin Flet Frank Gar Glad Glen Good Gran Green Grim Had Hal Ham Hard Har
    Hart Has Haw Hazel Hen Hills Hol Hop Hors Hud Kel Ken Kin Kings Kirk Lam Lan Lang Led Lin Lock
    Long Lud Mal Man Mar Mel Mid Mil Mor Nor Oak Old Pem Pen Pres Rad Ran Red Rip Rock Ros Row Ruth
    San Sed Shel Sher Sid Som Stan Staf Stock Strat Sut Swan Tal Thorn Til Tren Up Wal War Wash Wat
    Wel West Whit Wil Win Wood Wor Yar
    """
)
_LAST_ENDS = _words(
    """
    ley ton ford well wood worth field ham man son by den more land ridge croft stead wick cott dale
    burn gate hurst bury combe shaw brook stone view mont low
    """
)
LAST_NAMES = _once(
    [name for name in KNOWN_LAST_NAMES if "," not in name],
    _MORE_LAST_NAMES,
    [start + end for end, start in product(_LAST_ENDS, _LAST_STARTS)],
)

TITLES = ["Dr.", "Prof."]

# What ends a street's name and what it is short for.
STREET_KINDS = {
    "St": "Street",
    "Ave": "Avenue",
    "Rd": "Road",
    "Dr": "Drive",
    "Ln": "Lane",
    "Blvd": "Boulevard",
    "Ct": "Court",
    "Pl": "Place",
    "Way": "Way",
    "Ter": "Terrace",
    "Cir": "Circle",
}
_STREET_NAMES = _listed(
    """
    Main | Oak | Maple | Cedar | Park | Elm | Washington | Lake | Hill | Pine | Walnut | Spring
    Church | Ridge | River | Mill | Sunset | Highland | Lincoln | Jackson | Franklin | Jefferson
    Chestnut | Willow | Meadow | Forest | Prospect | Center | Union | Market | Canal | Harbor
    Orchard | Birch | College | Quarry | Lake Shore | King's | St. John's | O'Connell | Cherry
    Dogwood | Magnolia | Sycamore | Poplar | Hickory | Laurel | Holly | Juniper | Aspen | Linden
    Adams | Madison | Monroe | Harrison | Grant | Cleveland | Wilson | Roosevelt | Lafayette
    Water | Front | Bridge | Court House | School | Station | Depot | Liberty | Broad | High | Pearl
    Summit | Valley | Garden | Grove | Beech | Fox Run | Deer Path | Quail Hollow | Eagle Rock
    Heron | Pheasant | Falcon | Bayview | Oceanview | Lakeside | Brookside | Hillcrest | Woodland
    Rosewood | Westwood | Edgewood | Cottage | Chapel | Abbey | Manor | Castle | Victoria | Albert
    Martin Luther King Jr. | Old Mill | Old Post | Stage Coach | Indian Trail | Sandy Point
    """
)
_ORDINALS = [
    f"{n}{'th' if n % 100 // 10 == 1 else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"
    for n in range(1, 121)
]
# After people and villages, too, but each of those is in few towns.
_STREET_NAMES += [start + end for end, start in product(("field", "ford"), _LAST_STARTS)]
_STREET_NAMES[60:60] = _ORDINALS[:12]
_STREET_NAMES += _ORDINALS[12:]
STREETS = [
    f"{name} {kind}"
    for (_, name), (_, kind) in sorted(
        product(enumerate(_STREET_NAMES, 1), enumerate(STREET_KINDS, 1)),
        key=lambda pair: (pair[0][0] + 5) * pair[1][0],
    )
]

# By country: its streets, and its towns with their postcodes. Numbers stand after streets there.
ABROAD: dict[str, tuple[list[str], list[str]]] = {
    "Germany": (
        [
            start + end
            for end, start in product(
                ("straße", "weg", "gasse"),
                _words(
                    """
                    Haupt Bahnhof Schul Garten Linden Kirch Goethe Schiller Mühlen Rosen Wiesen Berg
                    Wald Birken Buchen Eichen Ahorn Tannen Brunnen Markt König Bach Dorf Lerchen
                    """
                ),
            )
        ],
        _listed(
            """
            50667 Köln | 50733 Köln | 80331 München | 81667 München | 10115 Berlin | 10245 Berlin
            20095 Hamburg | 22765 Hamburg | 01067 Dresden | 90402 Nürnberg | 23552 Lübeck
            """
        ),
    ),
    "Poland": (
        [
            f"ul. {name}"
            for name in _words(
                """
                Długa Polna Leśna Słoneczna Krótka Szkolna Ogrodowa Piotrkowska Lipowa Brzozowa
                Kwiatowa Sosnowa Zielona Wiosenna Różana Łąkowa Mickiewicza Kościuszki Żeromskiego
                """
            )
        ],
        _listed(
            """
            90-001 Łódź | 90-265 Łódź | 31-042 Kraków | 30-063 Kraków | 00-028 Warszawa
            02-512 Warszawa | 80-831 Gdańsk | 61-772 Poznań | 50-077 Wrocław
            """
        ),
    ),
    "Switzerland": (
        _words(
            """
            Seestrasse Dorfstrasse Rosenbergweg Limmatquai Höhenweg Bergstrasse Bahnhofstrasse
            Langstrasse Schulhausstrasse Kirchweg Mühlegasse Rebenweg Talstrasse Zürcherstrasse
            """
        ),
        _listed("8001 Zürich | 8005 Zürich | 3011 Bern | 4051 Basel | 6003 Luzern"),
    ),
    "Norway": (
        _words(
            """
            Storgata Kirkeveien Skolegata Strømgaten Fjellveien Øvregaten Bjerkeveien Solveien
            Strandgata Nygata Granveien Åsveien Parkveien Havnegata
            """
        ),
        _listed("5003 Bergen | 5014 Bergen | 0150 Oslo | 0567 Oslo | 7011 Trondheim | 9008 Tromsø"),
    ),
    "Portugal": (
        _listed(
            """
            Rua Augusta | Rua do Carmo | Avenida da Liberdade | Rua de São Bento | Rua da Conceição
            Rua das Flores | Rua do Sol | Travessa da Boa Hora | Largo do Rato | Rua Nova
            """
        ),
        _listed("1050-094 Lisboa | 1200-195 Lisboa | 4000-322 Porto | 3000-213 Coimbra"),
    ),
}

# Towns, their state, the first of their postcodes and how many of them follow one another.
_KNOWN_TOWNS = _listed(
    """
    New York, NY 10001 40 | Los Angeles, CA 90001 40 | Chicago, IL 60601 40 | Brooklyn, NY 11201 30
    Houston, TX 77002 40 | Phoenix, AZ 85003 30 | Philadelphia, PA 19102 30 | San Diego, CA 92101 25
    Dallas, TX 75201 30 | Austin, TX 78701 30 | San José, CA 95110 20 | Columbus, OH 43201 25
    Charlotte, NC 28202 20 | Seattle, WA 98101 25 | Denver, CO 80202 25 | Boston, MA 02108 20
    Nashville, TN 37201 15 | Portland, OR 97201 20 | Detroit, MI 48201 25 | Atlanta, GA 30303 20
    Miami, FL 33125 30 | Orlando, FL 32801 20 | Minneapolis, MN 55401 20 | St. Louis, MO 63101 20
    Kansas City, MO 64105 20 | Pittsburgh, PA 15201 20 | Cleveland, OH 44102 20
    St. Paul, MN 55101 10 | Springfield, IL 62701 5 | Winston-Salem, NC 27101 6
    Coeur d'Alene, ID 83814 2 | Truth or Consequences, NM 87901 1
    """
)
# Where the postcodes of the other towns begin, by state.
_STATES = {
    "TX": 75400,
    "CA": 93200,
    "FL": 34100,
    "NY": 12000,
    "PA": 16000,
    "IL": 61000,
    "OH": 45000,
    "GA": 31000,
    "NC": 28300,
    "MI": 49000,
    "NJ": 7700,
    "VA": 22900,
    "WA": 98500,
    "MA": 1200,
    "IN": 46700,
    "MO": 65000,
    "WI": 53500,
    "MN": 56000,
    "CO": 81000,
    "OR": 97300,
}
_BUILT_TOWNS = 1600


def _towns() -> list[list[str]]:
    """Return each town's name with each of its postcodes, larger towns first."""
    towns = []
    for town in _KNOWN_TOWNS:
        name, code, count = town.rsplit(" ", 2)
        towns.append([f"{name} {int(code) + n:05}" for n in range(int(count))])
    names = [
        start + end
        for end, start in product(
            ("ville", "ton", "field", "burg", "port", "dale", " Falls", " Grove", " Heights",
             " Springs", "ford", "wood", " City", " Park"),
            _LAST_STARTS,
        )
    ]  # fmt: skip
    states = list(_STATES.items())
    for number, name in enumerate(names[:_BUILT_TOWNS]):
        state, first = states[number % len(states)]
        nth = number // len(states)  # of its state
        towns.append([f"{name}, {state} {first + 4 * nth + n:05}" for n in range(1 + number % 3)])
    return towns


TOWNS = _towns()

UNITS = [
    form.format(n, letter)
    for n, letter in [*((n, "ABCDEF"[n % 6]) for n in range(1, 31)), (101, "A"), (204, "B")]
    for form in (", Apt {0}", ", Apt {0}{1}", ", Unit {0}", ", #{0}")
]

MAIL_DOMAINS = {
    "gmail.com": 38,
    "example.com": 24,
    "mail.example.com": 14,
    "example.org": 12,
    "example.net": 12,
}
GMAIL = "gmail.com"
MISTYPED_DOMAINS = {
    "gmail.com": ["gmial.com", "gmail.con", "gmai.com", "gmail.co"],
    "example.com": ["exmaple.com", "example.con", "example.co"],
    "example.org": ["exmaple.org", "example.og"],
    "example.net": ["exampel.net", "example.ne"],
    "mail.example.com": ["mail.exmaple.com", "mial.example.com"],
}

PLACEHOLDERS = {
    "none@none.com": 50,
    "noemail@example.com": 25,
    "test@test.com": 15,
    "no@mail.com": 10,
}
TRADES = ["dental", "realty", "law", "bakery", "school", "clinic", "motors", "church"]
