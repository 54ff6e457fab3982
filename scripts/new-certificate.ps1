<#
.SYNOPSIS
Makes a self-signed certificate and its key for HTTPS.
.DESCRIPTION
Step 3.1 of docs\lab.md, by the registry's own program: registry.exe where it is found, else the image.
.PARAMETER HostName
The names of the registry as clients call it; the first names the files.
.PARAMETER IP
Its addresses.
.PARAMETER Days
For how many days it is valid.
.PARAMETER Out
The folder for the two files.
.PARAMETER Program
The path of registry.exe. Without it the one on PATH is taken, and where there is none the image.
.PARAMETER Tag
The image.
.EXAMPLE
.\scripts\new-certificate.ps1 -HostName registry.local -Out c:\certs
.EXAMPLE
.\scripts\new-certificate.ps1 -HostName registry.local, registry -IP 192.0.2.1 -Days 90
#>
param(
    [string[]] $HostName = @(),
    [string[]] $IP = @(),
    [ValidateRange(1, 36525)] [int] $Days = 365,
    [string] $Out = 'certs',
    [string] $Program,
    [string] $Tag = 'registry'
)
$ErrorActionPreference = 'Stop'

if ($HostName.Count + $IP.Count -eq 0) { throw 'For whom? Name the registry by -HostName or -IP as clients call it.' }
$words = @('certificate', '--days', "$Days")
foreach ($name in $HostName) { $words += '--host', $name }
foreach ($address in $IP) { $words += '--ip', $address }

New-Item -ItemType Directory -Force -Path $Out | Out-Null
# A backslash at the end would quote the quote that PowerShell 5.1 puts behind it.
$folder = (Resolve-Path -LiteralPath $Out).ProviderPath -replace '(?<!:)\\+$', ''
if (-not $Program) {
    $found = Get-Command registry.exe -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1
    if ($found) { $Program = $found.Path }
}
if ($Program) { & $Program $words --out $folder }
else { & docker run --rm -v "${folder}:c:\certs" $Tag registry $words --out c:\certs }
if ($LASTEXITCODE -ne 0) { throw "registry certificate ended with $LASTEXITCODE" }
Write-Output "The files are in $folder."
