package volume_test

import (
	"archive/zip"
	"context"
	"fmt"
	"log"

	"github.com/directfs/runsc/pkg/volume"
)

// A zip as a volume, and what a sandbox does with it.
func ExampleFromFS() {
	ctx := context.Background()
	z, err := zip.OpenReader("testdata/hello.zip")
	if err != nil {
		log.Fatal(err)
	}
	defer z.Close()
	v := volume.FromFS(z, volume.Owner(1000, 1000))

	root, _ := v.Root(ctx)
	entries, _ := v.ReadDir(ctx, root.ID, "", 100)
	for _, e := range entries {
		fmt.Println(e.Name, e.Type)
	}
	file, _ := v.Lookup(ctx, root.ID, "hello.txt")
	h, _ := v.Open(ctx, file.ID, volume.OpenHow{Read: true})
	defer h.Close(ctx)
	content := make([]byte, file.Size)
	h.ReadAt(ctx, content, 0)
	fmt.Printf("%s", content)
	// Output:
	// dir d---------
	// hello.txt ----------
	// hello from a zip
}
