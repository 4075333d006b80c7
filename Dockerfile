# One image for web, worker, scheduler, migrations and backups; docker-compose.yml says which command each runs.
FROM python:3.12-slim-trixie AS build

RUN pip install --no-cache-dir uv==0.13.9
ENV UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/opt/xunge \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy
WORKDIR /src
# The dependencies change less often than the code, so they get a layer of their own.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --extra roads --no-install-project
COPY . .
# Not editable, because the sources stay behind in this stage.
RUN uv sync --frozen --no-dev --extra roads --no-editable

FROM python:3.12-slim-trixie

# pg_dump and pg_restore, of the major version of the database in docker-compose.yml; Pango and a Chinese font for PDF.
RUN apt-get update \
    && apt-get install -y --no-install-recommends postgresql-client-17 \
        libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-noto-cjk \
    && rm -rf /var/lib/apt/lists/*
# A fixed number, so that the owner of a mounted volume does not depend on the image's user list.
RUN useradd --system --uid 10001 --user-group --home-dir /srv/xunge --create-home xunge \
    && install -d -o xunge -g xunge -m 0750 /srv/xunge/files \
    && install -d -o xunge -g xunge -m 0750 /srv/xunge/roads \
    && install -d -o xunge -g xunge -m 0700 /srv/xunge/keys
COPY --from=build /opt/xunge /opt/xunge
ENV PATH=/opt/xunge/bin:$PATH \
    LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    XUNGE_FILES_DIR=/srv/xunge/files \
    XUNGE_ROADS_DIR=/srv/xunge/roads \
    XUNGE_RECEIPT_KEYS_FILE=/srv/xunge/keys/receipt-keys.json
WORKDIR /srv/xunge
USER xunge
EXPOSE 8080
# The slim image has no curl.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=4 \
    CMD ["python", "-c", "import urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:8080/readyz', timeout=4)"]
CMD ["xunge", "serve", "--host", "0.0.0.0", "--port", "8080", "--workers", "2"]
