// The Synapse workspace, for its serverless SQL pool, which is there at once. ARM has no limit for the data that the pool
// processes: docs/azure.md says how it is set.

param location string
param name string
param lakeName string
param fileSystem string
param privateEndpoints bool
param allowedAddresses array
param administratorId string
param administratorName string
param logsId string

var contributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe' // Storage Blob Data Contributor

resource lake 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: lakeName
}

resource workspace 'Microsoft.Synapse/workspaces@2021-06-01' = {
  // checkov:skip=CKV_AZURE_157:That is for Spark and pipelines, which are not used; the pool has rights on one account only
  // checkov:skip=CKV_AZURE_240:The workspace holds views and no data
  name: name
  location: location
  identity: { type: 'SystemAssigned' }
  properties: {
    azureADOnlyAuthentication: true
    sqlAdministratorLogin: 'sqladmin' // has to be named; with the line above nobody signs in as it
    cspWorkspaceAdminProperties: { initialWorkspaceAdminObjectId: administratorId }
    defaultDataLakeStorage: {
      accountUrl: lake.properties.primaryEndpoints.dfs
      filesystem: fileSystem
      resourceId: lake.id
    }
    publicNetworkAccess: 'Enabled' // to whom the rules below let in; with privateEndpoints and no address that is nobody
  }
}

resource administrator 'Microsoft.Synapse/workspaces/administrators@2021-06-01' = {
  parent: workspace
  name: 'activeDirectory'
  properties: {
    administratorType: 'ActiveDirectory'
    login: administratorName
    sid: administratorId
    tenantId: tenant().tenantId
  }
}

// The range 0.0.0.0 stands for everything that runs in Azure, the job among it.
resource fromAzure 'Microsoft.Synapse/workspaces/firewallRules@2021-06-01' = if (!privateEndpoints) {
  parent: workspace
  name: 'AllowAllWindowsAzureIps'
  properties: { startIpAddress: '0.0.0.0', endIpAddress: '0.0.0.0' }
}

resource addresses 'Microsoft.Synapse/workspaces/firewallRules@2021-06-01' = [for address in allowedAddresses: {
  parent: workspace
  name: 'from-${replace(address, '.', '-')}'
  properties: { startIpAddress: address, endIpAddress: address }
}]

// The pool reads bronze and writes silver as the workspace's managed identity.
resource writesSilver 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(lake.id, workspace.id, contributor)
  scope: lake
  properties: {
    principalId: workspace.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', contributor)
  }
}

// Each query with the data that it processed, which is what is paid for.
resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'logs'
  scope: workspace
  properties: {
    workspaceId: logsId
    logs: [{ category: 'BuiltinSqlReqsEnded', enabled: true }]
  }
}

output id string = workspace.id
output server string = '${workspace.name}-ondemand.sql.azuresynapse.net'
