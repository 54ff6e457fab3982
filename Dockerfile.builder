# escape=`
# Builds registry.exe on any Windows host with docker; nothing else of the host is needed:
#   docker build -t registry-builder -f Dockerfile.builder .
#   docker run --rm -v ${pwd}\registry:c:\out registry-builder
#
# It has not been run yet: that takes a Windows host. The toolchain is Rust's first for Windows, msvc, with
# Microsoft's Build Tools as their documentation installs them in a container. The gnu toolchain would need
# less to download, but ring has C in it and rustup's gnu linker comes without a C compiler.
#
# Both installers are the newest there are, from their makers over HTTPS, and must be signed or have the
# checksum that their maker publishes. To pin them: RUSTUP_URL with the sha256 you have seen in
# RUSTUP_SHA256, and BUILD_TOOLS_URL with the fixed address of a release, which Microsoft lists in
# "Visual Studio 2022 Release History".
ARG SERVERCORE_VERSION=ltsc2022
FROM mcr.microsoft.com/windows/servercore:${SERVERCORE_VERSION}
ARG BUILD_TOOLS_URL=https://aka.ms/vs/17/release/vs_buildtools.exe
ARG RUST_VERSION=1.95.0
ARG RUSTUP_URL=https://static.rust-lang.org/rustup/dist/x86_64-pc-windows-msvc/rustup-init.exe
ARG RUSTUP_SHA256
# Nano Server has no C runtime of Visual Studio, so it goes into the program.
ENV CARGO_HOME=c:\\cargo RUSTUP_HOME=c:\\rustup RUSTFLAGS="-C target-feature=+crt-static"
SHELL ["powershell", "-NoProfile", "-Command", "$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue';"]

# The C compiler, the linker, and the libraries of Windows: 3 GB. 3010 asks for a restart that a container
# does not need.
RUN Invoke-WebRequest $env:BUILD_TOOLS_URL -OutFile vs_buildtools.exe -UseBasicParsing; `
    $signature = Get-AuthenticodeSignature vs_buildtools.exe; `
    if ($signature.Status -ne 'Valid' -or $signature.SignerCertificate.Subject -notmatch 'O=Microsoft Corporation') { throw 'vs_buildtools.exe is not signed by Microsoft' }; `
    $install = Start-Process .\vs_buildtools.exe -Wait -PassThru -ArgumentList '--quiet', '--wait', '--norestart', '--nocache', `
        '--add', 'Microsoft.VisualStudio.Component.VC.Tools.x86.x64', `
        '--add', 'Microsoft.VisualStudio.Component.Windows11SDK.22621'; `
    if ($install.ExitCode -notin 0, 3010) { throw ('the Build Tools ended with {0}' -f $install.ExitCode) }; `
    Remove-Item vs_buildtools.exe

RUN Invoke-WebRequest $env:RUSTUP_URL -OutFile rustup-init.exe -UseBasicParsing; `
    $expected = $env:RUSTUP_SHA256; `
    if (-not $expected) { `
        Invoke-WebRequest ($env:RUSTUP_URL + '.sha256') -OutFile rustup-init.sha256 -UseBasicParsing; `
        $expected = ((Get-Content rustup-init.sha256 -TotalCount 1) -split ' ')[0]; `
        Remove-Item rustup-init.sha256 `
    }; `
    if ((Get-FileHash rustup-init.exe -Algorithm SHA256).Hash -ne $expected) { throw 'rustup-init.exe has another checksum' }; `
    .\rustup-init.exe -y --quiet --no-modify-path --profile minimal --default-host x86_64-pc-windows-msvc --default-toolchain $env:RUST_VERSION; `
    if ($LASTEXITCODE -ne 0) { throw ('rustup ended with {0}' -f $LASTEXITCODE) }; `
    Remove-Item rustup-init.exe

WORKDIR c:\\source
COPY Cargo.toml Cargo.lock config.yml ./
COPY src ./src/
RUN c:\cargo\bin\cargo.exe fetch --locked; if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }

# The build happens when the container runs, so that it ends with its two files in the folder of the host.
# hadolint ignore=DL3025
CMD if (-not (Test-Path c:\out)) { throw 'no folder is mounted at c:\out' }; `
    c:\cargo\bin\cargo.exe build --release --locked --offline; `
    if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }; `
    Copy-Item target\release\registry.exe, config.yml c:\out\
