// The lake: a storage account with hierarchical namespace, where renames are atomic, and one file system in it.
// What is deleted there can be restored for `keepDeletedDays`, and after that by nobody: `c360 person forget` relies on it.

param location string
param name string
param keepDeletedDays int
param privateEndpoints bool
param allowedAddresses array
param runnerId string
param administratorId string
param administratorType string

var roles = {
  'Storage Blob Data Contributor': 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  // Reads the account's settings, and with it for how long deleted files are kept; no data.
  Reader: 'acdd72a7-3385-48ef-bd42-f606fba81ae7'
}

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  // checkov:skip=CKV_AZURE_35:The default is to deny with privateEndpoints; without them only Entra ID stands in the way
  // checkov:skip=CKV_AZURE_36:It is AzureServices, see below
  // checkov:skip=CKV_AZURE_59:With privateEndpoints nothing is let in but the addresses that are named, and Azure's own services
  // checkov:skip=CKV_AZURE_206:Persons' data is copied to no other region; bronze can be delivered again
  // checkov:skip=CKV_AZURE_33:There are no queues
  name: name
  location: location
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    isHnsEnabled: true
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    supportsHttpsTrafficOnly: true
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      // By this the pool, and with silver attached the database, come in with their managed identities.
      bypass: 'AzureServices'
      defaultAction: privateEndpoints ? 'Deny' : 'Allow'
      ipRules: [for address in allowedAddresses: { value: address, action: 'Allow' }]
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: { enabled: true, days: keepDeletedDays }
    containerDeleteRetentionPolicy: { enabled: true, days: keepDeletedDays }
  }
}

resource fileSystem 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = {
  parent: blobs
  name: 'customer360'
  properties: { publicAccess: 'None' }
}

// No rule touches the files themselves: how long these are kept is said by `keep` and `versions` in the sources file.
resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'snapshots-end'
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['blockBlob'] }
            actions: { snapshot: { delete: { daysAfterCreationGreaterThan: keepDeletedDays } } }
          }
        }
      ]
    }
  }
}

resource runner 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in items(roles): {
  name: guid(account.id, runnerId, role.value)
  scope: account
  properties: {
    principalId: runnerId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.value)
  }
}]

// So that `c360` can be run from the administrator's machine.
resource administrator 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, administratorId, roles['Storage Blob Data Contributor'])
  scope: account
  properties: {
    principalId: administratorId
    principalType: administratorType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Blob Data Contributor'])
  }
}

output id string = account.id
output name string = account.name
output fileSystem string = fileSystem.name
output url string = 'abfss://${fileSystem.name}@${account.name}.dfs.${environment().suffixes.storage}'
