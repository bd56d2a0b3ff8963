# syntax=docker/dockerfile:1
# One image, one binary: which roles it serves is said on the command line (docker-compose.yml).

FROM rust:1.95-slim-bookworm AS build
# cmake and a C++ compiler build aws-lc.
RUN apt-get update \
 && apt-get install -y --no-install-recommends build-essential cmake pkg-config \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --release --locked --package docent \
 && cp target/release/docent /docent

FROM debian:bookworm-slim
# git and ssh are for sources behind ssh; ca-certificates for those behind https.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git openssh-client \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --system --gid 10001 docent \
 && useradd --system --uid 10001 --gid docent --home-dir /data --shell /usr/sbin/nologin docent \
 && install -d -o docent -g docent -m 0700 /data
COPY --from=build /docent /usr/local/bin/docent
USER docent
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=5 \
    CMD ["docent", "healthcheck", "http://127.0.0.1:8080"]
ENTRYPOINT ["docent", "--data", "/data"]
CMD ["serve", "--listen", "0.0.0.0:8080"]
