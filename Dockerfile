# The image that runs `c360 run --target azure`; docs/azure.md says how it is built. It holds code, no data and no secret.
FROM python:3.11-slim-bookworm AS build
WORKDIR /app
COPY requirements.lock pyproject.toml ./
# uv first, as it is pinned; then what the extras need, each in the version and with a hash of requirements.lock.
# With `--build-arg EXTRAS=azure,prefect` the image can also be a Prefect worker.
ARG EXTRAS=azure
RUN awk '/^uv==/ { found = 1 } found && /^ *#/ { exit } found' requirements.lock > /tmp/uv.txt \
    && python -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir --require-hashes --requirement /tmp/uv.txt \
    && python -m venv --without-pip .venv \
    && /opt/uv/bin/uv pip install --no-cache --python .venv/bin/python --compile-bytecode \
        --require-hashes --constraint requirements.lock --requirement pyproject.toml \
        $(printf -- '--extra %s ' $(echo "$EXTRAS" | tr , ' '))
COPY . .
RUN /opt/uv/bin/uv pip install --no-cache --python .venv/bin/python --no-deps --editable . \
    && .venv/bin/python -m compileall -q lake ingest identity warehouse pages flows demo \
    && mkdir incoming

FROM python:3.11-slim-bookworm
# unixODBC, by which the pool is reached, and what Microsoft's driver is linked with; the driver comes with the packages.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends unixodbc libgssapi-krb5-2 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home c360 \
    && chmod 700 /home/c360
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:$PATH C360_HOME=/home/c360 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# Nothing is written but into the home and /tmp: docker run --read-only --tmpfs /tmp --volume NAME:/home/c360 …
USER 10001
WORKDIR /app
VOLUME /home/c360
ENTRYPOINT ["c360"]
