# escape=`
# The registry on Windows Nano Server. Build it after the builder has put its two files into .\registry
# (scripts\build.ps1 does both):
#   docker build -t registry .
ARG NANOSERVER_VERSION=ltsc2022
FROM mcr.microsoft.com/windows/nanoserver:${NANOSERVER_VERSION}

EXPOSE 5000
ENV REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=c:\\data

WORKDIR c:\\registry
COPY ./registry/ .
CMD ["registry", "serve", "config.yml"]
