module github.com/directfs/runsc/runsc/internal/clients

go 1.26.3

replace github.com/directfs/runsc => ../../..

require (
	github.com/directfs/runsc v0.0.0-00010101000000-000000000000
	github.com/moby/sys/mountinfo v0.7.3
	golang.org/x/sys v0.43.0
)

require (
	github.com/moby/sys/capability v0.4.0 // indirect
	github.com/opencontainers/runtime-spec v1.2.1 // indirect
)
