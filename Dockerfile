# One image for every program of Segmentry: Airflow's, Celery's, MLflow's and the command line.
FROM python:3.11.14-slim-bookworm AS build

# git and compilers are not needed: every locked package has a wheel.
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /opt/segmentry
COPY requirements-bootstrap.lock requirements.lock ./
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --quiet --require-hashes -r requirements-bootstrap.lock \
 && VIRTUAL_ENV=/opt/venv /opt/venv/bin/uv pip sync --quiet --require-hashes --compile-bytecode \
    requirements.lock

FROM python:3.11.14-slim-bookworm
# libgomp1 is what LightGBM computes with.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home --shell /usr/sbin/nologin segmentry \
 && install -d -m 0700 -o segmentry -g segmentry /var/lib/segmentry /var/lib/airflow \
    /var/lib/objects /var/lib/logins /var/lib/mlflow
COPY --from=build /opt/venv /opt/venv
WORKDIR /opt/segmentry
COPY --chown=root:root . .
RUN VIRTUAL_ENV=/opt/venv /opt/venv/bin/uv pip install --quiet --no-deps --no-build-isolation -e .
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/segmentry/dags/preload:/opt/segmentry \
    PYTHONUNBUFFERED=1 \
    SEGMENTRY_HOME=/var/lib/segmentry \
    AIRFLOW_HOME=/var/lib/airflow
USER segmentry
CMD ["segmentry", "--help"]
