<#
.SYNOPSIS
Builds registry.exe in a builder container and packs it into an image of Windows Nano Server.
.PARAMETER Tag
The name of the image.
.EXAMPLE
.\scripts\build.ps1
#>
param([string] $Tag = 'registry')
$ErrorActionPreference = 'Stop'
Set-Location (Split-Path $PSScriptRoot -Parent)

function Invoke-Docker {
    docker @args
    if ($LASTEXITCODE -ne 0) { throw "docker $($args -join ' ') ended with $LASTEXITCODE" }
}

$out = Join-Path (Get-Location) 'registry'
New-Item -ItemType Directory -Force -Path $out | Out-Null
Invoke-Docker build -t registry-builder -f Dockerfile.builder .
Invoke-Docker run --rm -v "${out}:c:\out" registry-builder
Invoke-Docker build -t $Tag .
