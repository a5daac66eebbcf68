// The container registry for the job's image, which holds code and no data.

param location string
param name string
param runnerId string

var acrPull = '7f951dda-4ed3-4680-a7ca-43fe172d538d' // AcrPull

resource registry 'Microsoft.ContainerRegistry/registries@2025-04-01' = {
  // checkov:skip=CKV_AZURE_139:Without it only the tier Premium can be had, and `az acr build` not at all; the image holds no data
  // checkov:skip=CKV_AZURE_163:Scanning is a plan of Defender, which is the subscription's
  // checkov:skip=CKV_AZURE_164:Signing needs the tier Premium
  // checkov:skip=CKV_AZURE_165:One region is enough for a job that runs in one
  // checkov:skip=CKV_AZURE_166:Quarantine needs the tier Premium
  // checkov:skip=CKV_AZURE_167:Retention of untagged images needs the tier Premium
  // checkov:skip=CKV_AZURE_233:Zones need the tier Premium
  // checkov:skip=CKV_AZURE_237:Endpoints for data alone need the tier Premium
  name: name
  location: location
  sku: { name: 'Basic' }
  properties: { adminUserEnabled: false }
}

resource pulls 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, runnerId, acrPull)
  scope: registry
  properties: {
    principalId: runnerId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', acrPull)
  }
}

output name string = registry.name
output server string = registry.properties.loginServer
