# Two images from one file: docker build --target inference_worker .   and   docker build --target edge_proxy .
# Any base with Python 3.11 or later, venv and pip will do; give one by its digest to have the same for ever:
#   --build-arg BASE=python:3.11-slim-bookworm@sha256:...
# Where PyPI can not be reached from a build: make wheels, and --build-arg PIP_NO_INDEX=1.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS packages
ARG PIP_NO_INDEX
ARG PIP_INDEX_URL
COPY deploy/wheels/ /wheels/
COPY requirements.txt /
# The environment has no pip of its own: the one outside fills it, and stays behind with this stage.
RUN python3 -m venv --without-pip /opt/relay \
 && python3 -m pip --python /opt/relay/bin/python install --disable-pip-version-check --no-cache-dir --no-compile \
      --only-binary :all: --find-links /wheels --require-hashes -r /requirements.txt \
 && /opt/relay/bin/python -m compileall -q /opt/relay/lib

FROM packages AS edge_packages
RUN python3 -m pip --python /opt/relay/bin/python uninstall --disable-pip-version-check --quiet --yes xllamacpp

FROM ${BASE} AS runtime
# pip has done its work: what is not there can not be used, nor need it be mended.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3*/site-packages/* /usr/local/lib/python3*/ensurepip
ENV PATH=/opt/relay/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /relay
COPY protos/ protos/
# A number, so that Kubernetes' runAsNonRoot can see that it is not root.
USER 10001:10001

FROM runtime AS inference_worker
USER 0:0
# OpenMP's runtime, which llama.cpp's library needs and a slim base does not have.
RUN ldconfig -p | grep -q libgomp.so.1 \
 || (apt-get update -q && apt-get install -qy --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*)
COPY --from=packages /opt/relay /opt/relay
COPY inference_worker/ inference_worker/
RUN python -m compileall -q .
USER 10001:10001
ENV WORKER_HOST=0.0.0.0
EXPOSE 50051
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=3 CMD ["python", "-m", "inference_worker", "health"]
ENTRYPOINT ["python", "-m", "inference_worker"]

FROM runtime AS edge_proxy
COPY --from=edge_packages /opt/relay /opt/relay
COPY edge_proxy/ edge_proxy/
# The page's client library is a link to the one that is published.
COPY clients/js/ clients/js/
USER 0:0
RUN python -m compileall -q .
USER 10001:10001
ENV EDGE_HOST=0.0.0.0
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=10s --start-period=15s --retries=3 CMD ["python", "-m", "edge_proxy", "health"]
ENTRYPOINT ["python", "-m", "edge_proxy", "serve"]
