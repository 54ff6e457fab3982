<#
.SYNOPSIS
Puts a user into the file of users, or takes one out.
.DESCRIPTION
Step 4.1 of docs\lab.md, by the registry's own program: registry.exe where it is found, else the image. The
password is asked for twice and stands in no command line. A registry that runs sees the change by itself.
.PARAMETER User
The user's name.
.PARAMETER File
The file of users; it is made when it is missing.
.PARAMETER Delete
Takes the user out.
.PARAMETER Program
The path of registry.exe. Without it the one on PATH is taken, and where there is none the image.
.PARAMETER Tag
The image.
.EXAMPLE
.\scripts\add-user.ps1 elton -File c:\auth\registry.htpasswd
.EXAMPLE
.\scripts\add-user.ps1 elton -Delete
#>
param(
    [Parameter(Mandatory = $true)] [string] $User,
    [string] $File = 'auth\registry.htpasswd',
    [switch] $Delete,
    [string] $Program,
    [string] $Tag = 'registry'
)
$ErrorActionPreference = 'Stop'

$whole = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($File)
$folder = Split-Path $whole -Parent
$leaf = Split-Path $whole -Leaf
New-Item -ItemType Directory -Force -Path $folder | Out-Null
$words = @('htpasswd')
if ($Delete) { $words += '--delete' }
if (-not $Program) {
    $found = Get-Command registry.exe -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1
    if ($found) { $Program = $found.Path }
}
if ($Program) { & $Program $words --file $whole $User }
else { & docker run --rm -it -v "${folder}:c:\auth" $Tag registry $words --file "c:\auth\$leaf" $User }
if ($LASTEXITCODE -ne 0) { throw "registry htpasswd ended with $LASTEXITCODE" }
Write-Output "$whole is written."
