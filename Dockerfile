# The program on a small Debian. PostgreSQL runs elsewhere: give DATABASE_URL, as docker-compose.yml does.
FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY . .
# The caches outlive the build, so that a change of ours does not compile every dependency again.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin mingjian \
    && install -D target/release/mingjian /out/mingjian

FROM debian:bookworm-slim
RUN groupadd --system --gid 10001 mingjian \
    && useradd --system --uid 10001 --gid mingjian --home-dir /var/lib/mingjian --no-create-home mingjian \
    && install -d -o mingjian -g mingjian -m 0700 /var/lib/mingjian
COPY --from=build /out/mingjian /usr/local/bin/mingjian
ENV MINGJIAN_DATA=/var/lib/mingjian \
    MINGJIAN_LISTEN=0.0.0.0:8080
# Keys, and mails as files where no mail server is configured. Losing them signs everybody out.
VOLUME /var/lib/mingjian
EXPOSE 8080
USER mingjian
# Slim Debian has no HTTP client; bash can ask as well.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["/usr/local/bin/mingjian"]
CMD ["serve"]
