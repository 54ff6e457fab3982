<#
.SYNOPSIS
Installs the registry as a Windows service, or removes it.
.DESCRIPTION
Outside of containers: it starts with Windows and again after a failure. The program and its configuration are
copied into a folder of their own, the service is installed by the program itself, may write to the folder of
its data and is started. Needs an administrator. Run again with a newer registry.exe it replaces the program;
configuration and data stay.
.PARAMETER Program
The path of registry.exe.
.PARAMETER Config
The configuration to begin with; one that is in the folder already is kept.
.PARAMETER Folder
Where the program and its configuration live.
.PARAMETER Data
Where data and log live. It becomes the storage.filesystem.rootdirectory of a configuration that is copied; one
that is kept says itself where its data is.
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
# Whole paths, without a backslash at the end: that would quote the quote that PowerShell 5.1 puts behind it.
$Folder, $Data = $Folder, $Data | ForEach-Object {
    $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($_) -replace '(?<!:)\\+$', ''
}
$exe = Join-Path $Folder 'registry.exe'
$yaml = Join-Path $Folder 'config.yml'
$log = Join-Path $Data 'registry.log'
$icacls = Join-Path $env:SystemRoot 'System32\icacls.exe'

function Invoke-Program {
    $path, $words = $args
    & $path $words
    if ($LASTEXITCODE -ne 0) { throw "$path $($words -join ' ') ended with $LASTEXITCODE" }
}

if (-not $Uninstall) {
    $Program = (Resolve-Path -LiteralPath $Program).ProviderPath
    New-Item -ItemType Directory -Force -Path $Folder | Out-Null
    if (-not (Test-Path -LiteralPath $Data)) {
        # For the system and administrators, and below for the service. What ProgramData hands down lets
        # everybody read the data and add to it, past every password.
        New-Item -ItemType Directory -Path $Data | Out-Null
        Invoke-Program $icacls $Data /inheritance:r /grant '*S-1-5-18:(OI)(CI)F' '*S-1-5-32-544:(OI)(CI)F' | Out-Null
    }
    if (-not (Test-Path -LiteralPath $yaml)) {
        $text = [IO.File]::ReadAllText((Resolve-Path -LiteralPath $Config).ProviderPath)
        $root = 'rootdirectory: ' + "'" + $Data.Replace("'", "''") + "'"
        $text = [regex]::Replace($text, '(?m)rootdirectory:[^\r\n]*', $root.Replace('$', '$$'))
        [IO.File]::WriteAllText($yaml, $text)
    }
    # Before the old one is stopped: what is wrong must not cost a registry that runs.
    Invoke-Program $Program check-config $yaml | Out-Null
}
if (Get-Service registry -ErrorAction SilentlyContinue) { Invoke-Program $exe service uninstall }
if ($Uninstall) { return }

if ($Program -ne $exe) { Copy-Item -LiteralPath $Program -Destination $exe -Force }
Invoke-Program $exe service install --log $log $yaml
# Its account is there with it.
Invoke-Program $icacls $Data /grant 'NT SERVICE\registry:(OI)(CI)M' | Out-Null
Invoke-Program $exe service start
Write-Output "The registry runs as a service with $yaml; its log is $log."
