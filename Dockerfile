# Hoichan's image: `hoichan web`, `hoichan media` and `hoichan migrate` all run from it.
FROM node:24-slim AS client
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY web ./web
RUN npm run build

FROM python:3.13-slim AS packages
WORKDIR /src
COPY requirements-setup.txt requirements.txt ./
RUN python -m venv /opt/hoichan \
    && /opt/hoichan/bin/pip install --no-cache-dir --require-hashes -r requirements-setup.txt \
    && /opt/hoichan/bin/uv pip install --no-cache --python /opt/hoichan/bin/python --require-hashes -r requirements.txt

FROM python:3.13 AS native
COPY media/fan_out.c media/intake.c media/fan_out.h /src/
RUN cc -O2 -shared -fPIC -o /src/_fan_out.so /src/fan_out.c /src/intake.c

FROM python:3.13-slim
RUN useradd --uid 10001 --create-home --home-dir /var/lib/hoichan hoichan
COPY --from=packages /opt/hoichan /opt/hoichan
WORKDIR /srv/hoichan
COPY pyproject.toml README.md LICENSE ./
COPY foundation ./foundation
COPY identity ./identity
COPY notify ./notify
COPY media ./media
COPY consult_rooms ./consult_rooms
COPY records_panel ./records_panel
COPY signaling ./signaling
COPY web ./web
COPY hoichan ./hoichan
COPY migrations ./migrations
COPY --from=native /src/_fan_out.so ./media/
COPY --from=client /src/web/static/built ./web/static/built
RUN /opt/hoichan/bin/uv pip install --no-cache --python /opt/hoichan/bin/python --no-deps --no-build-isolation -e .
ENV PATH=/opt/hoichan/bin:$PATH PYTHONUNBUFFERED=1 HOICHAN_VAR=/var/lib/hoichan HOICHAN_LOG_JSON=true
USER hoichan
EXPOSE 8080/tcp 40000/udp 40000/tcp
ENTRYPOINT ["hoichan"]
CMD ["web"]
