// Command runsc is an OCI container runtime on the gVisor application kernel
// that decides directfs for each mount.
package main

import "github.com/directfs/runsc/runsc/cli"

func main() { cli.Main() }
