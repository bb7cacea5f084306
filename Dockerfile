# syntax=docker/dockerfile:1

FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY . .
RUN cargo build --profile dist --locked --bin keywheel

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 keywheel \
 && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin keywheel \
 && install -d -o keywheel -g keywheel -m 0700 /data \
 && install -d -m 0755 /scripts
COPY --from=build /build/target/dist/keywheel /usr/local/bin/keywheel
USER 10001:10001
ENV KEYWHEEL_LISTEN=0.0.0.0:8484 \
    KEYWHEEL_DATA=/data \
    KEYWHEEL_SCRIPTS=/scripts
VOLUME ["/data"]
EXPOSE 8484
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["keywheel", "healthcheck"]
ENTRYPOINT ["keywheel"]
CMD ["serve"]
