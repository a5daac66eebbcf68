using 'main.bicep'

// Two parameters have to be given. The others show what holds when they are left out; change what you need.

// Who administers the pool and the database: a person, or better a group that outlives one.
//   az ad signed-in-user show --query '{id: id, name: userPrincipalName}'
//   az ad group show --group NAME --query '{id: id, name: displayName}'
param administratorId = readEnvironmentVariable('ADMINISTRATOR_ID')
param administratorName = readEnvironmentVariable('ADMINISTRATOR_NAME')
param administratorType = 'User' // or Group

// Who gets an e-mail when a run failed.
param alertEmail = readEnvironmentVariable('ALERT_EMAIL')

// Begins every name; two to six lower-case letters and digits.
param prefix = 'c360'

// Public IPv4 addresses from which people work: the machine that runs `c360 azure setup`, say.
//   param allowedAddresses = ['203.0.113.7']
param allowedAddresses = empty(readEnvironmentVariable('MY_ADDRESS', '')) ? [] : [readEnvironmentVariable('MY_ADDRESS', '')]

// false: lake, shares and vault can be reached from everywhere, and only who signs in with Entra ID gets in (the shares: with
// Entra ID or the account's key); pool and database from Azure and from the addresses above.
// true: all of them only through private endpoints, and from the addresses above. It costs, and cannot be changed afterwards
// for the job's environment: that has to be made anew.
param privateEndpoints = false

// For so many days whatever was deleted can be restored: files of the lake, snapshots of them, the database. It is also how
// long somebody who was forgotten can still be found there (docs/privacy.md). 1 to 35.
param keepDeletedDays = 7

// loaded, or attached: docs/azure.md, Settings.
param silverAccess = 'loaded'

// The database: 2, 4 or 8 vCores at most; the gigabytes it may grow to, which are paid for, used or not; and after how many
// minutes without a query it pauses (15 at least).
param databaseCores = 2
param databaseGigabytes = 32
param pauseAfterMinutes = 60

// The tag that the image was pushed with. Empty: everything is made but what runs.
param imageTag = readEnvironmentVariable('IMAGE_TAG', '')

// 1, 2 or 4 vCPUs with 2, 4 or 8 GiB. Finding out who is who takes memory the first time: a million customers want 4 vCPUs.
param jobCores = 2

// When it runs, in UTC: minute, hour, day of month, month, day of week.
param schedule = '0 6 * * *'

// Gold and the marts in a Warehouse of Microsoft Fabric (docs/azure.md): its SQL connection string, such as
// abc.datawarehouse.fabric.microsoft.com, and its name. The database is made all the same, and sleeps.
param fabricServer = ''
param fabricWarehouse = 'customer360'

// A worker for a Prefect server that you run, which then has the schedule: the URL of its API, such as
// https://prefect.example.com/api. The image has to have Prefect in it (docs/azure.md).
param prefectApiUrl = ''

// An API of the shop to pull as well, and its token, which belongs in no file.
param apiUrl = ''
param apiToken = readEnvironmentVariable('C360_API_TOKEN', '')

// How the sources are to be read: a file in the image, or one that you put into the share `home` (/home/c360/sources.yml).
param sources = '/app/ingest/sources.yml'

// true: nothing that a run prints or writes shows personal data (docs/privacy.md).
param noPersonalData = false
