package supervise

import (
	"testing"
	"time"
)

// Processes that do not end keep nobody waiting, however many they are.
func TestReasonsOfProcessesThatStay(t *testing.T) {
	said := make(chan Process, 2)
	c, err := Start(Options{OnHello: func(p Process) []byte { said <- p; return nil }})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []Kind{Gofer, Sandbox} {
		start(t, "wait "+string(kind))
		<-said
	}
	reasons := make(chan []string, 1)
	go func() { reasons <- c.Reasons() }()
	select {
	case got := <-reasons:
		if got != nil {
			t.Errorf("%q", got)
		}
	case <-time.After(patience + enough):
		t.Error("the client still waits for them")
	}
}
