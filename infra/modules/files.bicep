// Two file shares that the job mounts: `incoming`, where files are left for it, and `home`, which keeps its logs and pages.
// An account of their own, because Container Apps mounts a share with the account's key; the lake has none.

param location string
param name string
param privateEndpoints bool
param allowedAddresses array

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  // checkov:skip=CKV_AZURE_35:The default is to deny with privateEndpoints; without them only the key stands in the way
  // checkov:skip=CKV_AZURE_36:None of Azure's own services reads these shares
  // checkov:skip=CKV_AZURE_59:With privateEndpoints nothing is let in but the addresses that are named
  // checkov:skip=CKV_AZURE_206:Persons' data is copied to no other region; what is in here can be made again
  // checkov:skip=CKV_AZURE_33:There are no queues
  name: name
  location: location
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    allowSharedKeyAccess: true
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    supportsHttpsTrafficOnly: true
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: privateEndpoints ? 'Deny' : 'Allow'
      ipRules: [for address in allowedAddresses: { value: address, action: 'Allow' }]
    }
  }
}

resource service 'Microsoft.Storage/storageAccounts/fileServices@2025-06-01' = {
  parent: account
  name: 'default'
}

resource shares 'Microsoft.Storage/storageAccounts/fileServices/shares@2025-06-01' = [for share in ['incoming', 'home']: {
  parent: service
  name: share
  properties: { shareQuota: 100, enabledProtocols: 'SMB' }
}]

output id string = account.id
output name string = account.name
