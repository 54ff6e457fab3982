<#
.SYNOPSIS
Installs the registry as a Windows service, or removes it.
.DESCRIPTION
Outside of containers: it starts with Windows and again after a failure. The program and its configuration are
copied into a folder of their own, the service is installed by the program itself and started. Needs an
administrator. Run again with a newer registry.exe it replaces the program; configuration and data stay.
.PARAMETER Program
The path of registry.exe.
.PARAMETER Config
The configuration to begin with; one that is in the folder already is kept.
.PARAMETER Folder
Where the program and its configuration live.
.PARAMETER Data
Where the data lives: the storage.filesystem.rootdirectory of a configuration that is copied.
.PARAMETER Uninstall
Stops and removes the service; the files stay.
.EXAMPLE
.\scripts\install-service.ps1 -Program .\registry\registry.exe
.EXAMPLE
.\scripts\install-service.ps1 -Uninstall
#>
param(
    [string] $Program = (Join-Path (Split-Path $PSScriptRoot -Parent) 'registry\registry.exe'),
    [string] $Config = (Join-Path (Split-Path $PSScriptRoot -Parent) 'config.yml'),
    [string] $Folder = (Join-Path $env:ProgramFiles 'registry'),
    [string] $Data = (Join-Path $env:ProgramData 'registry'),
    [switch] $Uninstall
)
$ErrorActionPreference = 'Stop'

$user = New-Object Security.Principal.WindowsPrincipal([Security.Principal.WindowsIdentity]::GetCurrent())
if (-not $user.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    throw 'Services are open to administrators alone: start PowerShell as administrator.'
}
$exe = Join-Path $Folder 'registry.exe'
$yaml = Join-Path $Folder 'config.yml'

function Invoke-Registry {
    & $exe @args
    if ($LASTEXITCODE -ne 0) { throw "registry $($args -join ' ') ended with $LASTEXITCODE" }
}

if (Get-Service registry -ErrorAction SilentlyContinue) {
    if ((Get-Service registry).Status -ne 'Stopped') { Invoke-Registry service stop }
    Invoke-Registry service uninstall
}
if ($Uninstall) { return }

New-Item -ItemType Directory -Force -Path $Folder, $Data | Out-Null
Copy-Item -LiteralPath $Program -Destination $exe -Force
if (-not (Test-Path -LiteralPath $yaml)) {
    $text = [IO.File]::ReadAllText((Resolve-Path -LiteralPath $Config).ProviderPath)
    $root = 'rootdirectory: ' + "'" + $Data.Replace("'", "''") + "'"
    $text = [regex]::Replace($text, '(?m)rootdirectory:[^\r\n]*', $root.Replace('$', '$$'))
    [IO.File]::WriteAllText($yaml, $text)
}
Invoke-Registry check-config $yaml | Out-Null
Invoke-Registry service install $yaml
Invoke-Registry service start
Write-Output "The registry runs as a service with $yaml and keeps its data in $Data."
