# The images of the sidecar and of the operator:
#   docker build --target sidecar -t antiphon/sidecar:0.1.0 .
#   docker build --target operator -t antiphon/operator:0.1.0 .
ARG BASE=docker.io/library/python:3.13-slim

FROM ${BASE} AS source
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY proto proto
COPY sdk sdk
COPY sidecar sidecar
COPY operator operator
COPY cli cli
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
# No pip where nothing is installed any more.
RUN python3 -m venv --without-pip /opt/antiphon

# Compiled here, because a container cannot write to its file system; by content, because layers may change times.
FROM source AS sidecar-packages
RUN python3 -m pip --quiet --python /opt/antiphon/bin/python3 install --no-compile '.[cli]' \
  && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/antiphon/lib

FROM source AS operator-packages
RUN python3 -m pip --quiet --python /opt/antiphon/bin/python3 install --no-compile '.[operator]' \
  && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/antiphon/lib

FROM ${BASE} AS runtime
ENV PATH=/opt/antiphon/bin:/usr/local/bin:/usr/bin:/bin \
  PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp
WORKDIR /tmp
USER 65532:65532

FROM runtime AS operator
COPY --from=operator-packages /opt/antiphon /opt/antiphon
ENTRYPOINT ["antiphon-operator"]

FROM runtime AS sidecar
COPY --from=sidecar-packages /opt/antiphon /opt/antiphon
ENTRYPOINT ["antiphon"]
CMD ["sidecar"]
