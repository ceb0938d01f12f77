# One image for every service of docker-compose.yml: the binary `exeat`, its user and its two directories.
# The first tag is the channel of rust-toolchain.toml; the libc of both stages is that of Debian 12.
FROM rust:1.95.0-bookworm AS builder
WORKDIR /src
COPY . .
# Downloads and compiled crates stay in caches of the builder, beside the layers: a change of ours compiles ours alone.
# The target directory is a cache too, gone after this line, so the binary is copied out of it.
RUN --mount=type=cache,id=exeat-cargo-registry,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=exeat-target,target=/src/target,sharing=locked \
    cargo build --release --locked --package exeat-cli \
    && install -D --mode=0755 --strip target/release/exeat /out/exeat

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="exeat" \
      org.opencontainers.image.description="Exchanges a marketplace session for a short-lived signed token, and shows an API that checks it" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.base.name="debian:bookworm-slim"
# A new named volume takes owner and mode of the directory it covers, so both are made here.
RUN groupadd --gid 10001 exeat \
    && useradd --uid 10001 --gid exeat --no-create-home --home-dir /var/lib/exeat --shell /usr/sbin/nologin exeat \
    && install --directory --owner=exeat --group=exeat --mode=0700 /var/lib/exeat /var/lib/exeat/keys /var/lib/exeat/sessions
# For key sets fetched over https; the slim image has no certificates.
COPY --from=builder /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=builder /out/exeat /usr/local/bin/exeat
USER 10001:10001
WORKDIR /var/lib/exeat
EXPOSE 8080
# The issuer's; another service names its own.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["exeat", "health", "http://127.0.0.1:8080/readyz"]
ENTRYPOINT ["exeat"]
CMD ["serve", "--config", "/etc/exeat/issuer.toml"]
