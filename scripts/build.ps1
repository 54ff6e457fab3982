<#
.SYNOPSIS
Builds registry.exe in a builder container and packs it into an image of Windows Nano Server.
.DESCRIPTION
Steps 1.1 to 1.3 of docs\lab.md. Nothing but docker for Windows containers is needed. The two files of the
build, registry.exe and config.yml, are left in the folder registry of the project.
.PARAMETER Tag
The name of the image.
.PARAMETER WindowsVersion
The version of Windows of both images, as Microsoft tags them; the host must be able to run it.
.PARAMETER SkipBuilder
Packs the registry.exe that is in the folder registry already.
.EXAMPLE
.\scripts\build.ps1
.EXAMPLE
.\scripts\build.ps1 -Tag registry:0.1.0 -WindowsVersion ltsc2019
#>
param(
    [string] $Tag = 'registry',
    [string] $WindowsVersion = 'ltsc2022',
    [switch] $SkipBuilder
)
$ErrorActionPreference = 'Stop'

function Invoke-Docker {
    & docker @args
    if ($LASTEXITCODE -ne 0) { throw "docker $($args -join ' ') ended with $LASTEXITCODE" }
}

$project = Split-Path $PSScriptRoot -Parent
$out = Join-Path $project 'registry'
New-Item -ItemType Directory -Force -Path $out | Out-Null
if (-not $SkipBuilder) {
    $builder = Join-Path $project 'Dockerfile.builder'
    Invoke-Docker build -t registry-builder -f $builder --build-arg "SERVERCORE_VERSION=$WindowsVersion" $project
    Invoke-Docker run --rm -v "${out}:c:\out" registry-builder
}
foreach ($file in 'registry.exe', 'config.yml') {
    $path = Join-Path $out $file
    if (-not (Test-Path -LiteralPath $path)) { throw "$path is not there; build it first" }
}
Invoke-Docker build -t $Tag --build-arg "NANOSERVER_VERSION=$WindowsVersion" $project
$bytes = (Get-Item -LiteralPath (Join-Path $out 'registry.exe')).Length
Write-Output ('{0} holds a registry.exe of {1:N1} MB.' -f $Tag, ($bytes / 1000000))
