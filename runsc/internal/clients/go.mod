module github.com/directfs/runsc/runsc/internal/clients

go 1.26.3

replace github.com/directfs/runsc => ../../..

require (
	github.com/moby/sys/mountinfo v0.7.3
	golang.org/x/sys v0.43.0
)
