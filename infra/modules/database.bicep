// Azure SQL Database for gold and the marts: compute by the second, paused when nobody uses it; sign-in with Entra ID only.

param location string
param name string
param lakeName string
param cores int
param gigabytes int
param pauseAfterMinutes int
param keepDeletedDays int
param silverAccess string
param privateEndpoints bool
param allowedAddresses array
param administratorId string
param administratorName string
param administratorType string
param logsId string

var reader = '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1' // Storage Blob Data Reader

resource lake 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: lakeName
}

resource server 'Microsoft.Sql/servers@2023-08-01' = {
  // checkov:skip=CKV_AZURE_113:It is disabled with privateEndpoints when no address is named
  name: name
  location: location
  identity: { type: 'SystemAssigned' }
  properties: {
    administrators: {
      administratorType: 'ActiveDirectory'
      azureADOnlyAuthentication: true
      login: administratorName
      principalType: administratorType
      sid: administratorId
      tenantId: tenant().tenantId
    }
    minimalTlsVersion: '1.2'
    publicNetworkAccess: privateEndpoints && empty(allowedAddresses) ? 'Disabled' : 'Enabled'
  }
}

resource database 'Microsoft.Sql/servers/databases@2023-08-01' = {
  // checkov:skip=CKV_AZURE_26:Threat detection is a plan of Defender, which is the subscription's
  // checkov:skip=CKV_AZURE_27:Threat detection is a plan of Defender, which is the subscription's
  // checkov:skip=CKV_AZURE_229:It can be loaded anew from the lake (`c360 load`)
  parent: server
  name: 'customer360'
  location: location
  sku: { name: 'GP_S_Gen5', tier: 'GeneralPurpose', family: 'Gen5', capacity: cores }
  properties: {
    minCapacity: json(cores == 8 ? '1' : '0.5') // the least that there is for so many
    autoPauseDelay: pauseAfterMinutes
    maxSizeBytes: gigabytes * 1073741824
    requestedBackupStorageRedundancy: 'Local'
    zoneRedundant: false
  }
}

// Backups hold who was forgotten for so long.
resource backups 'Microsoft.Sql/servers/databases/backupShortTermRetentionPolicies@2023-08-01' = {
  parent: database
  name: 'default'
  properties: { retentionDays: keepDeletedDays }
}

// Who signed in. No statements: they would copy values of persons into the logs.
resource audit 'Microsoft.Sql/servers/databases/auditingSettings@2023-08-01' = {
  parent: database
  name: 'default'
  properties: {
    state: 'Enabled'
    isAzureMonitorTargetEnabled: true
    auditActionsAndGroups: ['SUCCESSFUL_DATABASE_AUTHENTICATION_GROUP', 'FAILED_DATABASE_AUTHENTICATION_GROUP']
  }
}

// The range 0.0.0.0 stands for everything that runs in Azure: the job, and Power BI's service.
resource fromAzure 'Microsoft.Sql/servers/firewallRules@2023-08-01' = if (!privateEndpoints) {
  parent: server
  name: 'AllowAllWindowsAzureIps'
  properties: { startIpAddress: '0.0.0.0', endIpAddress: '0.0.0.0' }
}

resource addresses 'Microsoft.Sql/servers/firewallRules@2023-08-01' = [for address in allowedAddresses: {
  parent: server
  name: 'from-${replace(address, '.', '-')}'
  properties: { startIpAddress: address, endIpAddress: address }
}]

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'logs'
  scope: database
  properties: {
    workspaceId: logsId
    logs: [{ category: 'SQLSecurityAuditEvents', enabled: true }]
  }
}

// With `attached` the database reads silver as the server's managed identity.
resource readsSilver 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (silverAccess == 'attached') {
  name: guid(lake.id, server.id, reader)
  scope: lake
  properties: {
    principalId: server.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', reader)
  }
}

output id string = server.id
output server string = server.properties.fullyQualifiedDomainName
output databaseName string = database.name
