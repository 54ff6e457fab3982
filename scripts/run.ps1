<#
.SYNOPSIS
Runs the registry image with its data in a folder of the host.
.DESCRIPTION
Steps 2.4, 3.2 and 4.2 of docs\lab.md. A container of the same name is replaced; the data stays.
.PARAMETER Data
The folder for the data; it is made when it is missing.
.PARAMETER Port
The port on the host.
.PARAMETER Certificate
A certificate for HTTPS, as new-certificate.ps1 makes it. Its key must be beside it: the same name with .key.
.PARAMETER Htpasswd
A file of users, as add-user.ps1 makes it: only who logs in may pull and push.
.PARAMETER Realm
What clients show to their users when they ask for the password.
.PARAMETER Name
The name of the container.
.PARAMETER Tag
The image.
.EXAMPLE
.\scripts\run.ps1 -Data c:\registry-data -Port 5000
.EXAMPLE
.\scripts\run.ps1 -Certificate c:\certs\registry.local.crt -Htpasswd c:\auth\registry.htpasswd
#>
param(
    [string] $Data = 'c:\registry-data',
    [ValidateRange(1, 65535)] [int] $Port = 5000,
    [string] $Certificate,
    [string] $Htpasswd,
    [string] $Realm = 'Registry Realm',
    [string] $Name = 'registry',
    [string] $Tag = 'registry'
)
$ErrorActionPreference = 'Stop'

function Invoke-Docker {
    & docker @args
    if ($LASTEXITCODE -ne 0) { throw "docker $($args[0]) ended with $LASTEXITCODE; does the engine run?" }
}

New-Item -ItemType Directory -Force -Path $Data | Out-Null
$folder = (Resolve-Path -LiteralPath $Data).ProviderPath
$options = @('-p', "${Port}:5000", '--restart', 'unless-stopped', '-v', "${folder}:c:\data")
$scheme = 'http'
if ($Certificate) {
    $file = Get-Item -LiteralPath $Certificate
    $key = Get-Item -LiteralPath ([IO.Path]::ChangeExtension($file.FullName, '.key'))
    $options += '-v', "$($file.DirectoryName):c:\certs:ro"
    $options += '-e', "REGISTRY_HTTP_TLS_CERTIFICATE=c:\certs\$($file.Name)"
    $options += '-e', "REGISTRY_HTTP_TLS_KEY=c:\certs\$($key.Name)"
    $scheme = 'https'
}
if ($Htpasswd) {
    $file = Get-Item -LiteralPath $Htpasswd
    $options += '-v', "$($file.DirectoryName):c:\auth:ro", '-e', 'REGISTRY_AUTH=htpasswd'
    $options += '-e', "REGISTRY_AUTH_HTPASSWD_REALM=$Realm"
    $options += '-e', "REGISTRY_AUTH_HTPASSWD_PATH=c:\auth\$($file.Name)"
}

if (Invoke-Docker ps -aq --filter "name=^$Name$") { Invoke-Docker rm -f $Name | Out-Null }
Invoke-Docker run -d --name $Name $options $Tag | Out-Null
$ip = Invoke-Docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' $Name
Write-Output "The registry answers at ${scheme}://localhost:$Port/ and, on this host, at ${scheme}://${ip}:5000/."
Write-Output "Its data is in $folder."
if ($Certificate) { Write-Output "Trust its certificate with: .\scripts\trust-certificate.ps1 $Certificate" }
else { Write-Output "Other hosts need, in daemon.json of the engine: { ""insecure-registries"": [""$($env:COMPUTERNAME):$Port""] }" }
if ($Htpasswd) { Write-Output "Log in with: docker login localhost:$Port" }
