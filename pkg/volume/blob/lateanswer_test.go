package blob

import (
	"fmt"
	"io/fs"
	"testing"
)

// An answer of the store about one name arrives after this process changed the
// name.
func TestLateAnswerOfAName(t *testing.T) {
	for _, c := range []struct {
		name, file string
		change     func(c *Config)
		objects    int
		meanwhile  func(k *kit)
		want       string // the content, or nothing
	}{
		{"large directory, created", "new", nil, 1100, func(k *kit) { k.write("new", "content") }, "content"},
		{"large directory, removed", "o0001", nil, 1100, func(k *kit) { k.must(k.remove("o0001", false)) }, ""},
		{"kept times, removed", "o0001", func(c *Config) { c.KeepTimes = true }, 3,
			func(k *kit) { k.must(k.remove("o0001", false)) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t, c.change)
			for i := range c.objects {
				k.must(k.inner.WriteAll(k.ctx, fmt.Sprintf("o%04d", i), nil, nil))
			}
			k.relist()
			root := k.lookup("").ID
			k.tryLookup("none") // lists
			asked, answer := make(chan struct{}), make(chan struct{})
			first := true
			k.set(func(r Request, key string) fault {
				if !first || r != RequestAttributes || key != c.file {
					return fault{}
				}
				first = false
				return fault{late: answer, ready: asked}
			})
			done := make(chan struct{})
			go func() { k.v.Lookup(k.ctx, root, c.file); close(done) }()
			<-asked
			c.meanwhile(k)
			close(answer)
			<-done
			if c.want == "" {
				_, err := k.tryLookup(c.file)
				k.wantErr(err, fs.ErrNotExist)
				return
			}
			k.wantFile(c.file, c.want)
		})
	}
}

// The store says that an object is gone, and meanwhile this process made it again.
func TestLateAnswerThatIsMissing(t *testing.T) {
	k := newKit(t, nil, "a")
	id := k.lookup("a").ID
	k.must(k.inner.Delete(k.ctx, "a"))
	asked, answer := make(chan struct{}), make(chan struct{})
	k.failOn(RequestRead, fault{late: answer, ready: asked})
	done := make(chan error)
	go func() { _, err := k.v.Open(k.ctx, id, ro); done <- err }()
	<-asked
	k.heal()
	k.v.(*writable).lists.set("", entry{name: "a", absent: true}) // as a new listing has it
	k.write("a", "new content")
	close(answer)
	k.wantErr(<-done, fs.ErrNotExist)
	k.wantFile("a", "new content")
}
