// Package handoff is the protocol between the runtime and a daemon that serves
// volumes. It does not serve files: it hands over the socket on which that is
// done.
//
// A daemon listens on a unix socket of type SOCK_SEQPACKET, unix(7). A
// connection carries one request and one reply, each a JSON object in one
// message of at most [MaxMessage] bytes. Every object of every version has the
// number "version"; what else it has is for that version to say, and unknown
// fields are refused.
//
//	{"version":1, "operation":"ask", "volume":"photos", "container":"c1",
//	 "sandbox":"s1", "mount":"/data", "readOnly":true}
//
// An "ask" is answered before anything of the container is started. An "attach"
// comes with the server's end of the mount's LisaFS connection (SCM_RIGHTS): a
// unix socket of type SOCK_STREAM. With "root" set it comes with nothing, and
// the reply with the FD of the volume's root directory; then the volume is in
// use until the client closes the connection.
//
//	{"version":1, "readOnly":true}
//	{"version":1, "refusal":"unknown-volume", "text":"no volume photos"}
//
// Both sides look at the other's credentials (SO_PEERCRED): see [Connect] and
// [CheckPeer]. Text from the daemon is for people, and is made printable.
package handoff
