// Everything that Customer 360 needs in a resource group. docs/azure.md says how it is deployed and what it costs;
// main.bicepparam explains each parameter.

param location string = resourceGroup().location

@description('Begins the name of every resource. Names that are global end with a hash of the resource group.')
@minLength(2)
@maxLength(6)
param prefix string = 'c360'

@description('Object id of the person or group that administers the pool and the database.')
param administratorId string

@description('Name of that person (their sign-in name) or group.')
param administratorName string

@allowed(['User', 'Group'])
param administratorType string = 'User'

@description('Public IPv4 addresses from which people may reach lake, pool, database, vault and file shares.')
param allowedAddresses array = []

@description('Reach lake, pool, database, vault and file shares through private endpoints of a network of their own.')
param privateEndpoints bool = false

@description('Days that what was deleted can still be restored: files of the lake, snapshots, the database.')
@minValue(1)
@maxValue(35)
param keepDeletedDays int = 7

@description('loaded: silver is copied into the database; attached: the database reads it from the lake.')
@allowed(['loaded', 'attached'])
param silverAccess string = 'loaded'

@description('Most vCores of the database.')
@allowed([2, 4, 8])
param databaseCores int = 2

@description('Gigabytes that the database may hold, which are paid for whether they are used or not.')
param databaseGigabytes int = 32

@description('Minutes without a query after which the database pauses.')
@minValue(15)
param pauseAfterMinutes int = 60

@description('Tag of the image in the registry. Nothing runs as long as it is empty.')
param imageTag string = ''

@description('vCPUs of what runs, with twice as many GiB of memory.')
@allowed([1, 2, 4])
param jobCores int = 2

@description('When the job runs: a cron expression of five fields, in UTC.')
param schedule string = '0 6 * * *'

@description('SQL connection string of a Warehouse in Microsoft Fabric. When given, gold and the marts go there, and not into the database.')
param fabricServer string = ''

@description('Name of that Warehouse.')
param fabricWarehouse string = 'customer360'

@description('URL of the API of a Prefect server. When given, a worker for it runs in the place of the job.')
param prefectApiUrl string = ''

@description('Base URL of an API of the shop that a run pulls as well.')
param apiUrl string = ''

@description('Token of that API, kept in the key vault.')
@secure()
param apiToken string = ''

@description('The file that says how the sources are to be read, as a path in the image or in a share.')
param sources string = '/app/ingest/sources.yml'

@description('Show no personal data in what a run prints and writes.')
param noPersonalData bool = false

@description('Who is told by e-mail that a run failed.')
param alertEmail string

var suffix = uniqueString(resourceGroup().id)
var lakeName = '${prefix}lake${suffix}'
var filesName = '${prefix}files${suffix}'
var globalName = '${prefix}-${suffix}'
var vaultName = '${prefix}-${suffix}'
var jobName = '${prefix}-run'

// Signs the job in: to the registry, the vault, the lake, the pool and the database.
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${prefix}-run'
  location: location
}

module monitor 'modules/monitor.bicep' = {
  name: 'monitor'
  params: { location: location, prefix: prefix, jobName: jobName, alertEmail: alertEmail }
}

module network 'modules/network.bicep' = if (privateEndpoints) {
  name: 'network'
  params: { location: location, prefix: prefix }
}

module lake 'modules/lake.bicep' = {
  name: 'lake'
  params: {
    location: location
    name: lakeName
    keepDeletedDays: keepDeletedDays
    privateEndpoints: privateEndpoints
    allowedAddresses: allowedAddresses
    runnerId: identity.properties.principalId
    administratorId: administratorId
    administratorType: administratorType
  }
}

module files 'modules/files.bicep' = {
  name: 'files'
  params: {
    location: location
    name: filesName
    privateEndpoints: privateEndpoints
    allowedAddresses: allowedAddresses
  }
}

module pool 'modules/synapse.bicep' = {
  name: 'pool'
  params: {
    location: location
    name: globalName
    lakeName: lake.outputs.name
    fileSystem: lake.outputs.fileSystem
    privateEndpoints: privateEndpoints
    allowedAddresses: allowedAddresses
    administratorId: administratorId
    administratorName: administratorName
    logsId: monitor.outputs.logsId
  }
}

module database 'modules/database.bicep' = {
  name: 'database'
  params: {
    location: location
    name: globalName
    lakeName: lake.outputs.name
    cores: databaseCores
    gigabytes: databaseGigabytes
    pauseAfterMinutes: pauseAfterMinutes
    keepDeletedDays: keepDeletedDays
    fabricServer: fabricServer
    fabricWarehouse: fabricWarehouse
    silverAccess: silverAccess
    privateEndpoints: privateEndpoints
    allowedAddresses: allowedAddresses
    administratorId: administratorId
    administratorName: administratorName
    administratorType: administratorType
    logsId: monitor.outputs.logsId
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  params: {
    location: location
    name: vaultName
    apiToken: apiToken
    privateEndpoints: privateEndpoints
    allowedAddresses: allowedAddresses
    runnerId: identity.properties.principalId
    logsId: monitor.outputs.logsId
  }
}

module registry 'modules/registry.bicep' = {
  name: 'registry'
  params: { location: location, name: '${prefix}${suffix}', runnerId: identity.properties.principalId }
}

module endpoints 'modules/endpoints.bicep' = if (privateEndpoints) {
  name: 'endpoints'
  params: {
    location: location
    subnetId: privateEndpoints ? network.outputs.endpointsSubnetId : ''
    networkId: privateEndpoints ? network.outputs.id : ''
    targets: [
      { name: '${prefix}-lake-dfs', id: lake.outputs.id, group: 'dfs', zone: 'privatelink.dfs.${environment().suffixes.storage}' }
      { name: '${prefix}-lake-blob', id: lake.outputs.id, group: 'blob', zone: 'privatelink.blob.${environment().suffixes.storage}' }
      { name: '${prefix}-files', id: files.outputs.id, group: 'file', zone: 'privatelink.file.${environment().suffixes.storage}' }
      { name: '${prefix}-pool', id: pool.outputs.id, group: 'SqlOnDemand', zone: 'privatelink.sql.azuresynapse.net' }
      { name: '${prefix}-database', id: database.outputs.id, group: 'sqlServer', zone: 'privatelink${environment().suffixes.sqlServerHostname}' }
      { name: '${prefix}-vault', id: vault.outputs.id, group: 'vault', zone: 'privatelink.vaultcore.azure.net' }
    ]
  }
}

module job 'modules/job.bicep' = {
  name: 'job'
  params: {
    location: location
    name: jobName
    prefix: prefix
    subnetId: privateEndpoints ? network.outputs.appsSubnetId : ''
    logsId: monitor.outputs.logsId
    identityId: identity.id
    clientId: identity.properties.clientId
    registry: registry.outputs.server
    imageTag: imageTag
    schedule: schedule
    prefectApiUrl: prefectApiUrl
    apiUrl: apiUrl
    tokenUrl: empty(apiToken) ? '' : vault.outputs.tokenUrl
    filesName: files.outputs.name
    lakeUrl: lake.outputs.url
    synapseServer: pool.outputs.server
    sqlServer: database.outputs.server
    sqlDatabase: database.outputs.databaseName
    silverAccess: silverAccess
    sources: sources
    noPersonalData: noPersonalData
    cores: jobCores
  }
  dependsOn: [endpoints]
}

// What the commands of docs/azure.md ask for.
output lake string = lake.outputs.url
output synapseServer string = pool.outputs.server
output sqlServer string = database.outputs.server
output registry string = registry.outputs.name
output files string = files.outputs.name
output identity string = identity.name
