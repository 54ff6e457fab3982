<#
.SYNOPSIS
Makes this machine, or docker alone, trust the certificate of a registry.
.DESCRIPTION
Step 3.2 of docs\lab.md. Without -Registry the certificate goes into the machine's store of root certificates,
which needs an administrator, and docker must be started again. With -Registry it goes into docker's own folder
for that registry, and docker sees it at once.
.PARAMETER Certificate
The certificate; never the key.
.PARAMETER Registry
Host and port of the registry, such as registry.local:5000.
.PARAMETER Restart
Starts docker again, which ends containers that run without a restart policy.
.EXAMPLE
.\scripts\trust-certificate.ps1 c:\certs\registry.local.crt
.EXAMPLE
.\scripts\trust-certificate.ps1 c:\certs\registry.local.crt -Registry registry.local:5000
#>
param(
    [Parameter(Mandatory = $true)] [string] $Certificate,
    [string] $Registry,
    [switch] $Restart
)
$ErrorActionPreference = 'Stop'

$file = Get-Item -LiteralPath $Certificate
if (Select-String -LiteralPath $file.FullName -Pattern 'PRIVATE KEY' -Quiet) {
    throw "$($file.FullName) holds a private key, which stays with the registry; name the .crt file"
}
if ($Registry) {
    # A name of a Windows folder has no colon, so docker looks for registry.local5000.
    $trusted = Join-Path $env:ProgramData 'docker\certs.d'
    $folder = Join-Path $trusted ($Registry -replace ':', '')
    New-Item -ItemType Directory -Force -Path $folder | Out-Null
    Copy-Item -LiteralPath $file.FullName -Destination (Join-Path $folder 'ca.crt')
    Write-Output "docker trusts $Registry by $folder\ca.crt."
    return
}
$user = New-Object Security.Principal.WindowsPrincipal([Security.Principal.WindowsIdentity]::GetCurrent())
if (-not $user.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    throw 'The store of this machine is open to administrators alone: start PowerShell as administrator, or name -Registry.'
}
Import-Certificate -FilePath $file.FullName -CertStoreLocation Cert:\LocalMachine\Root | Out-Null
if ($Restart) { Restart-Service docker }
Write-Output 'The machine trusts the certificate.'
if (-not $Restart) { Write-Output 'docker sees it when it is started again: Restart-Service docker' }
