// The key vault: the API's token, which the job reads with its identity.

param location string
param name string
@secure()
param apiToken string
param privateEndpoints bool
param allowedAddresses array
param runnerId string
param logsId string

var secretsUser = '4633458b-17de-408a-b874-0445c86b69e6' // Key Vault Secrets User

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  // checkov:skip=CKV_AZURE_109:The default is to deny with privateEndpoints; without them only Entra ID stands in the way
  // checkov:skip=CKV_AZURE_189:With privateEndpoints nothing is let in but the addresses that are named
  name: name
  location: location
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    enablePurgeProtection: true
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: privateEndpoints ? 'Deny' : 'Allow'
      ipRules: [for address in allowedAddresses: { value: address }]
    }
  }
}

resource token 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = if (!empty(apiToken)) {
  // checkov:skip=CKV_AZURE_41:The shop's API says how long its token holds
  // checkov:skip=CKV_AZURE_114:It is set; the check does not look into what depends on a condition
  parent: vault
  name: 'api-token'
  properties: { value: apiToken, contentType: 'text/plain' }
}

resource readsSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, runnerId, secretsUser)
  scope: vault
  properties: {
    principalId: runnerId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', secretsUser)
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'logs'
  scope: vault
  properties: {
    workspaceId: logsId
    logs: [{ category: 'AuditEvent', enabled: true }]
  }
}

output id string = vault.id
output tokenUrl string = '${vault.properties.vaultUri}secrets/api-token'
