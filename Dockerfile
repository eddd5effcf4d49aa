# The one image of all our services: they differ by command only (docker-compose.yml). Beside it there is
# `--target dev`, the same with what only development needs: the mail catcher runs from it. There is no
# `# syntax=` line, because it would have BuildKit fetch its front end from a registry at each build.

FROM python:3.13-slim AS build

# Without pip: nothing is installed at run time. The build's own pip fills the environment.
RUN python -m venv --without-pip /opt/venv
COPY requirements.txt /locks/all.txt
COPY deploy/requirements /locks
# Which libraries the image holds: `all`, or extras beside the engine, comma-separated, as in
# `tables,images`; `engine` is the engine alone. Kinds whose extra is not there are not offered.
ARG JOBS_EXTRAS=all
# Wheels only, so that no compiler is needed; each must match its hash in the lock.
RUN --mount=type=cache,target=/root/.cache/pip \
    set -f -- --requirement /locks/engine.txt; \
    for extra in $(echo "$JOBS_EXTRAS" | tr , " "); do set -- "$@" --requirement "/locks/$extra.txt"; done; \
    pip --python /opt/venv/bin/python install --disable-pip-version-check \
        --only-binary :all: --require-hashes "$@"

COPY project /app/project
COPY deploy /app/deploy
# Readable by the image's user even if the checkout was made under a strict umask; compiled here,
# because the running containers cannot write to their own code.
RUN chmod -R u=rwX,go=rX /app \
 && python -m compileall -q --invalidation-mode unchecked-hash /app


FROM build AS build-dev

RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/venv/bin/python install --disable-pip-version-check \
        --only-binary :all: --require-hashes --requirement /locks/dev.txt


FROM python:3.13-slim AS base

# A number above those that hosts give to people, so that no person's files are the containers' own.
# A named volume takes over the owner of the folder that it is mounted on first.
RUN groupadd --gid 10001 jobs \
 && useradd --uid 10001 --gid jobs --home-dir /app --no-create-home --shell /usr/sbin/nologin jobs \
 && install -d -o jobs -g jobs /config /data/files /data/flower /data/mail

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    JOBS_FILES_URL=/data/files \
    JOBS_FLOWER_DATABASE=/data/flower/flower.db \
    JOBS_LOG_DIR=/app/logs \
    JOBS_MAIL_DIR=/data/mail \
    JOBS_SCRATCH_DIR=/data/files/scratch \
    MPLCONFIGDIR=/tmp/matplotlib

WORKDIR /app
USER 10001:10001

ARG JOBS_REVISION=unknown
LABEL org.opencontainers.image.title="jobs" \
      org.opencontainers.image.description="A background-job service: Flask, Celery on RabbitMQ, Redis, live status, JSON logs" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.revision="${JOBS_REVISION}"


FROM base AS dev

COPY --from=build-dev /opt/venv /opt/venv
COPY --from=build-dev /app /app


# The last one is what `docker build` makes.
FROM base AS production

COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
