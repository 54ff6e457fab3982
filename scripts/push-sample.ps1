<#
.SYNOPSIS
Pushes an image to a registry, removes it, pulls it again and compares the digests.
.DESCRIPTION
Steps 2.2 and 2.3 of docs\lab.md. On Windows docker says 'Skipped foreign layer' for base layers that are not
redistributable; they need not be in the registry.
.PARAMETER Registry
Host and port of the registry.
.PARAMETER Image
The image to take; it is pulled when it is not here.
.PARAMETER Repository
The name in the registry, with its tag.
.EXAMPLE
.\scripts\push-sample.ps1
.EXAMPLE
.\scripts\push-sample.ps1 -Registry 172.24.194.96:5000 -Image mcr.microsoft.com/windows/nanoserver:ltsc2022
#>
param(
    [string] $Registry = 'localhost:5000',
    [string] $Image = 'hello-world:nanoserver',
    [string] $Repository = 'labs/hello-world:nanoserver'
)
$ErrorActionPreference = 'Stop'

# What docker prints is shown, and given back as lines.
function Invoke-Docker {
    $lines = @()
    & docker @args | ForEach-Object { Write-Host $_; $lines += "$_" }
    if ($LASTEXITCODE -ne 0) { throw "docker $($args -join ' ') ended with $LASTEXITCODE" }
    $lines
}

function Get-Digest([string[]] $Lines) {
    $found = [regex]::Matches(($Lines -join "`n"), 'sha256:[0-9a-f]{64}')
    if ($found.Count -eq 0) { throw 'docker told no digest' }
    $found[$found.Count - 1].Value
}

$name = "$Registry/$Repository"
if (-not (Invoke-Docker images -q $Image)) { Invoke-Docker pull $Image | Out-Null }
Invoke-Docker tag $Image $name | Out-Null
$pushed = Get-Digest (Invoke-Docker push $name)
Invoke-Docker rmi $name | Out-Null
Invoke-Docker rmi $Image | Out-Null
$lines = Invoke-Docker pull $name
$pulled = Get-Digest @($lines -match '^Digest: ')
if ($pushed -ne $pulled) { throw "pushed $pushed, pulled $pulled" }
Write-Output "The same came back: $pulled"
