# Two stages: build and test, then a slim runtime. The daemon listens on loopback only until tokens exist, so run it with the host's network:
#   docker build -t unroll . && docker run --rm --network host -v unroll:/var/lib/unroll unroll
FROM debian:12 AS build
WORKDIR /src
COPY . .
RUN script/build --packages test && script/build release
RUN script/test unit law system
RUN cmake --install build/release --prefix /opt/unroll --strip

FROM debian:12-slim
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libgomp1 libopenblas0-pthread zlib1g libmicrohttpd12 \
       libjansson4 libsqlite3-0 libpng16-16 libjpeg62-turbo libcurl4 libnettle8 libseccomp2 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --home-dir /var/lib/unroll --create-home unroll
COPY --from=build /opt/unroll/bin/ /usr/local/bin/
USER unroll
VOLUME /var/lib/unroll
HEALTHCHECK --interval=30s --timeout=3s CMD ["unroll", "system"]
ENTRYPOINT ["unrolld", "--state-dir", "/var/lib/unroll", "--listen", "127.0.0.1:8080"]
