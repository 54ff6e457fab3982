# escape=`
# Builds registry.exe on any Windows host with docker; nothing else of the host is needed:
#   docker build -t registry-builder -f Dockerfile.builder .
#   docker run --rm -v ${pwd}\registry:c:\out registry-builder
ARG SERVERCORE_VERSION=ltsc2022
FROM mcr.microsoft.com/windows/servercore:${SERVERCORE_VERSION}
SHELL ["powershell", "-Command", "$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue';"]

# The GNU toolchain needs no Visual Studio; it brings its own linker.
RUN Invoke-WebRequest https://win.rustup.rs/x86_64 -OutFile rustup-init.exe -UseBasicParsing; `
    .\rustup-init.exe -y --profile minimal --default-host x86_64-pc-windows-gnu --default-toolchain stable; `
    Remove-Item rustup-init.exe

WORKDIR c:\\source
COPY . .

CMD cargo build --release --locked; `
    if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }; `
    Copy-Item target\release\registry.exe c:\out\; `
    Copy-Item config.yml c:\out\
