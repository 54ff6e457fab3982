<#
.SYNOPSIS
Runs the tests, against the program that cargo builds or against one that is given.
.PARAMETER Program
The program to test, such as the registry.exe of a builder container. Without it cargo builds one.
.PARAMETER Runner
A program that runs it, such as wine on another system.
.PARAMETER Filter
Runs only the tests whose names contain this.
.EXAMPLE
.\scripts\test.ps1
.EXAMPLE
.\scripts\test.ps1 -Program .\registry\registry.exe -Filter serve::
#>
param(
    [string] $Program,
    [string] $Runner,
    [string] $Filter
)
$ErrorActionPreference = 'Stop'

$before = $env:REGISTRY_TEST_PROGRAM, $env:REGISTRY_TEST_RUNNER
if ($Program) { $Program = (Resolve-Path -LiteralPath $Program).ProviderPath }
Push-Location (Split-Path $PSScriptRoot -Parent)
try {
    if ($Program) { $env:REGISTRY_TEST_PROGRAM = $Program }
    if ($Runner) { $env:REGISTRY_TEST_RUNNER = $Runner }
    $words = @('test', '--locked')
    if ($Filter) { $words += $Filter }
    & cargo $words
    if ($LASTEXITCODE -ne 0) { throw "cargo test ended with $LASTEXITCODE" }
}
finally {
    Pop-Location
    $env:REGISTRY_TEST_PROGRAM, $env:REGISTRY_TEST_RUNNER = $before
}
