package inspect

import "testing"

func TestParseLock(t *testing.T) {
	for line, want := range map[string]bool{
		"1: FLOCK  ADVISORY  WRITE 4711 fe:00:1234 0 EOF":    true,
		"1: -> FLOCK  ADVISORY  WRITE 4712 fe:00:1234 0 EOF": false,
		"2: POSIX  ADVISORY  WRITE 4711 fe:00:1234 0 EOF":    false,
		"3: OFDLCK ADVISORY  READ  -1 fe:00:1234 0 EOF":      false,
		"4: FLOCK  ADVISORY  WRITE 4711 <none>:0 0 EOF":      false,
		"": false,
	} {
		l, ok := parseLock(line)
		if ok != want || ok && (l != lock{LockedFile{0xfe, 0, 1234}, 4711, true}) {
			t.Errorf("%q: %+v %v", line, l, ok)
		}
	}
	if l, ok := parseLock("1: FLOCK  ADVISORY  READ  4711 fe:00:1234 0 EOF"); !ok || l.exclusive {
		t.Errorf("a shared lock: %+v %v", l, ok)
	}
}
