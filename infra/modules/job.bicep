// What runs `c360 run --target azure`: a job on a schedule, or a worker for a Prefect server.

param location string
param name string
param prefix string
param subnetId string
param logsId string
param identityId string
param clientId string
param registry string
param imageTag string
param schedule string
param prefectApiUrl string
param apiUrl string
param tokenUrl string
param filesName string
param lakeUrl string
param synapseServer string
param sqlServer string
param sqlDatabase string
param fabricServer string
param fabricWarehouse string
param silverAccess string
param sources string
param noPersonalData bool
@description('vCPUs of the job; it has twice as many GiB of memory, as the consumption plan gives them.')
param cores int

var environmentVariables = [
  { name: 'AZURE_CLIENT_ID', value: clientId } // which identity signs in
  { name: 'C360_LAKE', value: lakeUrl }
  { name: 'C360_SYNAPSE_SERVER', value: synapseServer }
  { name: 'C360_SYNAPSE_DATABASE', value: 'customer360' }
  { name: 'C360_SILVER_ACCESS', value: silverAccess }
  { name: 'C360_HOME', value: '/home/c360' }
  { name: 'C360_SOURCES', value: sources }
  { name: 'C360_NO_PII', value: noPersonalData ? '1' : '0' }
  { name: 'C360_MEMORY_LIMIT', value: '${cores}GB' } // half of it; by itself DuckDB would go by the host's memory
]
var database = empty(fabricServer) ? [
  { name: 'C360_SQL_SERVER', value: sqlServer }
  { name: 'C360_SQL_PORT', value: '1433' }
  { name: 'C360_SQL_DATABASE', value: sqlDatabase }
] : [
  { name: 'C360_FABRIC_SERVER', value: fabricServer }
  { name: 'C360_FABRIC_WAREHOUSE', value: fabricWarehouse }
]
var token = empty(tokenUrl) ? [] : [{ name: 'C360_API_TOKEN', secretRef: 'api-token' }]
var prefect = empty(prefectApiUrl) ? [] : [{ name: 'PREFECT_API_URL', value: prefectApiUrl }]

var containers = [
  {
    name: 'c360'
    image: '${registry}/customer360:${imageTag}'
    command: empty(prefectApiUrl) ? ['c360'] : ['prefect', 'worker', 'start', '--pool', 'customer-360']
    args: empty(prefectApiUrl) ? concat(['run', '--target', 'azure', '--input', 'incoming'], empty(apiUrl) ? [] : ['--api', apiUrl]) : []
    env: concat(environmentVariables, database, token, prefect)
    resources: { cpu: cores, memory: '${cores * 2}Gi' }
    volumeMounts: [
      { volumeName: 'home', mountPath: '/home/c360' }
      { volumeName: 'incoming', mountPath: '/app/incoming' }
    ]
  }
]

// For the image's user alone. `nobrl`: a lock of the home holds in the replica; the lake's lease keeps others out.
var mountOptions = 'uid=10001,gid=10001,dir_mode=0700,file_mode=0600,nobrl,mfsymlinks'
var access = { home: 'ReadWrite', incoming: 'ReadOnly' }
var volumes = [
  { name: 'home', storageType: 'AzureFile', storageName: 'home', mountOptions: mountOptions }
  { name: 'incoming', storageType: 'AzureFile', storageName: 'incoming', mountOptions: mountOptions }
]

var registries = [{ server: registry, identity: identityId }]
var secrets = empty(tokenUrl) ? [] : [{ name: 'api-token', keyVaultUrl: tokenUrl, identity: identityId }]

resource files 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: filesName
}

resource apps 'Microsoft.App/managedEnvironments@2025-01-01' = {
  name: '${prefix}-apps'
  location: location
  properties: {
    appLogsConfiguration: { destination: 'azure-monitor' }
    vnetConfiguration: empty(subnetId) ? null : { infrastructureSubnetId: subnetId, internal: true }
    workloadProfiles: [{ name: 'Consumption', workloadProfileType: 'Consumption' }]
    zoneRedundant: false
  }
}

resource shares 'Microsoft.App/managedEnvironments/storages@2025-01-01' = [for share in items(access): {
  parent: apps
  name: share.key
  properties: {
    azureFile: {
      accountName: filesName
      accountKey: files.listKeys().keys[0].value
      shareName: share.key
      accessMode: share.value
    }
  }
}]

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'logs'
  scope: apps
  properties: {
    workspaceId: logsId
    logs: [
      { category: 'ContainerAppConsoleLogs', enabled: true }
      { category: 'ContainerAppSystemLogs', enabled: true }
    ]
  }
}

resource job 'Microsoft.App/jobs@2025-01-01' = if (!empty(imageTag) && empty(prefectApiUrl)) {
  name: name
  location: location
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    environmentId: apps.id
    workloadProfileName: 'Consumption'
    configuration: {
      triggerType: 'Schedule'
      scheduleTriggerConfig: { cronExpression: schedule, parallelism: 1, replicaCompletionCount: 1 }
      replicaRetryLimit: 0 // the next run goes on from where this one stopped
      replicaTimeout: 21600 // six hours
      registries: registries
      secrets: secrets
    }
    template: { containers: containers, volumes: volumes }
  }
  dependsOn: [shares]
}

resource worker 'Microsoft.App/containerApps@2025-01-01' = if (!empty(imageTag) && !empty(prefectApiUrl)) {
  name: '${prefix}-worker'
  location: location
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    environmentId: apps.id
    workloadProfileName: 'Consumption'
    configuration: { activeRevisionsMode: 'Single', registries: registries, secrets: secrets }
    template: { containers: containers, volumes: volumes, scale: { minReplicas: 1, maxReplicas: 1 } }
  }
  dependsOn: [shares]
}
