// Package stores opens object stores by URL: S3 and what speaks its protocol,
// Google Cloud Storage, Azure Blob Storage, a directory, memory.
//
// A URL never has credentials in it, so that it can be shown to anybody. They
// come from files that are named beside it, or from the process's environment.
package stores
