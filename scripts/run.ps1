<#
.SYNOPSIS
Runs the registry image with its data in a folder of the host.
.PARAMETER Data
The folder for the data; it is made when it is missing.
.PARAMETER Port
The port on the host.
.PARAMETER Name
The name of the container; one of that name is replaced.
.PARAMETER Tag
The image.
.EXAMPLE
.\scripts\run.ps1 -Data c:\registry-data -Port 5000
#>
param(
    [string] $Data = 'c:\registry-data',
    [int] $Port = 5000,
    [string] $Name = 'registry',
    [string] $Tag = 'registry'
)
$ErrorActionPreference = 'Stop'

New-Item -ItemType Directory -Force -Path $Data | Out-Null
if (docker ps -aq --filter "name=^$Name$") { docker rm -f $Name | Out-Null }
docker run -d -p "${Port}:5000" --name $Name -v "${Data}:c:\data" $Tag
if ($LASTEXITCODE -ne 0) { throw "docker run ended with $LASTEXITCODE" }
Write-Output "The registry listens on port $Port and keeps its data in $Data."
Write-Output "Push with: docker tag IMAGE localhost:$Port/labs/IMAGE; docker push localhost:$Port/labs/IMAGE"
