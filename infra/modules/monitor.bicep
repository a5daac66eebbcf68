// Where logs go, and the alert on a run that failed. Messages can quote values of persons, so logs are kept for 30 days only.

param location string
param prefix string
param jobName string
param alertEmail string

resource logs 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: '${prefix}-logs'
  location: location
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: 30
  }
}

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: '${prefix}-people'
  location: 'global'
  properties: {
    enabled: true
    groupShortName: prefix
    emailReceivers: [{ name: 'operator', emailAddress: alertEmail, useCommonAlertSchema: true }]
  }
}

// A failed command says so in one line on stderr that begins with `c360:`. What is killed (too much memory, too long) does
// not get to it, but the platform writes with which exit code it ended.
var failures = '''
union
    (ContainerAppConsoleLogs | where JobName == '{0}' and Log startswith 'c360: '),
    (ContainerAppSystemLogs | where JobName == '{0}' and Log matches regex "exit code '[1-9]|DeadlineExceeded|BackoffLimitExceeded")
| project TimeGenerated, Log
'''

resource failed 'Microsoft.Insights/scheduledQueryRules@2022-06-15' = {
  name: '${prefix}-run-failed'
  location: location
  properties: {
    displayName: 'Customer 360: a run failed'
    description: 'What is published is as it was. The line says what happened and what to do; docs/azure.md has a list.'
    severity: 1
    enabled: true
    scopes: [logs.id]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT1H' // logs may come late
    muteActionsDuration: 'PT1H' // and each is told of once
    autoMitigate: false
    skipQueryValidation: true // the tables are there once something ran
    criteria: {
      allOf: [
        {
          query: format(failures, jobName)
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: [people.id] }
  }
}

output logsId string = logs.id
