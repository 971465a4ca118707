# Serves a run folder that is mounted at /model. Other machines can reach a container, so HEADSTART_TOKEN is needed:
#   docker build -t headstart .
#   docker run --env-file .env -p 127.0.0.1:8000:8000 -v "$PWD/runs/tickets:/model" headstart
# Torch comes from pip's index, with CUDA on x86_64. --build-arg TORCH_INDEX=ADDRESS takes it from another index, such as that
# of PyTorch's CPU builds, which make the image several GB smaller; see "Start Locally" on PyTorch's site for the address.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
ARG TORCH_INDEX=
ARG EXTRAS=bodies,openvino,serve,postgresql
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/headstart
ENV PATH=/opt/headstart/bin:$PATH
WORKDIR /src
COPY constraints.txt ./
# Without dependencies: those are of pip's index, at the versions of constraints.txt.
RUN if [ -n "${TORCH_INDEX}" ]; then \
        pip install --no-deps --index-url "${TORCH_INDEX}" --constraint constraints.txt torch torchvision; \
    fi
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --constraint constraints.txt ".[${EXTRAS}]" && pip uninstall --yes pip

FROM python:${PYTHON}-slim
RUN useradd --uid 10001 --no-create-home --home-dir /cache --shell /usr/sbin/nologin headstart \
    && install --directory --owner=headstart --group=headstart /cache /model
COPY --from=build /opt/headstart /opt/headstart
ENV PATH=/opt/headstart/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HEADSTART_CACHE=/cache \
    HF_HUB_OFFLINE=1
USER 10001:10001
WORKDIR /model
VOLUME ["/cache"]
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["headstart"]
CMD ["serve", "/model", "--host", "0.0.0.0", "--port", "8000"]
