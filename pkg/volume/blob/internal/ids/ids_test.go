package ids

import (
	"math/rand/v2"
	"testing"
)

// TestIdentities makes, removes and moves files at random and compares with a
// model: a file keeps its identity, and none is used twice.
func TestIdentities(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		table, model, used := New(), map[string]string{}, map[string]bool{}
		keys := []string{"a", "b", "c", "d"}
		for _, key := range keys[:2] { // there before anybody looked
			model[key] = table.ID(File, key)
			used[model[key]] = true
		}
		for range 60 {
			from, to := keys[r.IntN(4)], keys[r.IntN(4)]
			_, there := model[from]
			switch {
			case !there:
				id := table.Fresh(File, from)
				if used[id] {
					t.Fatalf("seed %d: %s is used again", seed, id)
				}
				model[from], used[id] = id, true
			case from == to:
				table.Forget(File, from)
				delete(model, from)
			default:
				table.Move(File, from, to)
				model[to] = model[from]
				delete(model, from)
			}
			check(t, table, model, used)
		}
	}
}

func check(t *testing.T, table *Table, model map[string]string, used map[string]bool) {
	t.Helper()
	alive := map[string]string{}
	for key, id := range model {
		alive[id] = key
		if got := table.ID(File, key); got != id {
			t.Fatalf("%s has identity %s, want %s", key, got, id)
		}
	}
	for id := range used {
		_, key, ok := table.Key(id)
		if want, live := alive[id]; ok != live || key != want {
			t.Fatalf("identity %s is %q, %v, want %q, %v", id, key, ok, want, live)
		}
	}
}

func TestTree(t *testing.T) {
	table := New()
	dir, file, made := table.ID(Dir, "d/e/"), table.ID(File, "d/e/f"), table.Fresh(File, "d/g")
	table.MoveTree("d/", "x/", map[string]byte{"d/": Dir, "d/e/": Dir, "d/e/f": File})
	for key, want := range map[string]string{"x/e/f": file, "x/g": made} {
		if got := table.ID(File, key); got != want {
			t.Errorf("%s has identity %s, want %s", key, got, want)
		}
	}
	if got := table.ID(Dir, "x/e/"); got != dir {
		t.Errorf("x/e/ has identity %s, want %s", got, dir)
	}
	if _, _, ok := table.Key("fd/zzz"); !ok {
		t.Error("a key that was never seen has no identity")
	}
	if id := table.ID(File, "d/e/f"); id == file {
		t.Error("an identity is used again for another object under the old key")
	}
}
