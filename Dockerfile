# The image of remediator; the demo's agent and PMS run from it too.
FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements.lock ./
# The lock file carries hashes: what is not as pinned is refused.
RUN pip wheel --no-cache-dir --require-hashes --wheel-dir /wheels -r requirements.lock \
 && pip install --no-cache-dir --no-index --find-links /wheels hatchling
COPY . .
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:3.13-slim
# Only what remediator itself needs, out of the wheels that were built.
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels remediator \
 && useradd --system --uid 10001 --home-dir /var/lib/remediator --create-home remediator
USER remediator
WORKDIR /var/lib/remediator
VOLUME /var/lib/remediator
EXPOSE 8080
ENTRYPOINT ["remediator"]
CMD ["serve"]
