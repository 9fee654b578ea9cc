# Harbor, from what `npm run image` puts together: its build, its dependencies and their Node. Nothing is fetched, so that it
# builds without a network; the base needs a glibc and a shell.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS files
COPY image/ /harbor/
# What Harbor's Node knows of certificate authorities, for what asks the system: Temporal's client.
RUN mkdir -p /certs /data && /harbor/node_modules/.bin/node -e \
  "fs.writeFileSync('/certs/ca-certificates.crt', tls.rootCertificates.join('\n') + '\n')"

FROM ${BASE}
COPY --from=files /harbor /harbor
COPY --from=files /certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=files --chown=10001:10001 /data /data
ENV PATH=/harbor/bin:/harbor/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  HOME=/data HARBOR_HOME=/data HARBOR_HOST=0.0.0.0 HARBOR_HEALTH_PORT=8791
USER 10001:10001
WORKDIR /data
VOLUME /data
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s --retries=6 CMD ["harbor", "health"]
ENTRYPOINT ["harbor"]
CMD ["--help"]
