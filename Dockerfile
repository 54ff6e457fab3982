# escape=`
# The registry on Windows Nano Server. Build it after the builder has put its two files into .\registry
# (scripts\build.ps1 does both):
#   docker build -t registry .
# The version must be one that the host can run: ltsc2022, ltsc2025, or ltsc2019 on Server 2019.
# It has not been built yet: that takes a Windows host.
ARG NANOSERVER_VERSION=ltsc2022
FROM mcr.microsoft.com/windows/nanoserver:${NANOSERVER_VERSION}

EXPOSE 5000
ENV REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=c:\\data

WORKDIR c:\\registry
COPY ./registry/ .

# It reads config.yml and the variables as the server does, so it is right with TLS and on any port.
HEALTHCHECK --interval=30s --timeout=10s CMD ["registry", "health"]
CMD ["registry", "serve", "config.yml"]
