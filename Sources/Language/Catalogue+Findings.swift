extension Catalogue {
  /// What doctor says of findings, first half.
  static let findings: [String: String] = [
    "rates: a watch of less than a second has none": "速率：观察期不足一秒，无法计算",
    "accept-queue overflows": "全连接队列（accept 队列）溢出",
    "TIME_WAITs lost to tcp_max_tw_buckets": "因 tcp_max_tw_buckets 丢失的 TIME_WAIT",
    "the sockets of network namespace {0}": "网络命名空间 {0} 的套接字",
    " in {0} network namespaces": "，分布在 {0} 个网络命名空间",
    "no TCP sockets": "没有 TCP 套接字",
    "the size of a TIME_WAIT: /proc/slabinfo cannot be read, or does not say":
      "单个 TIME_WAIT 的大小：/proc/slabinfo 无法读取，或其中没有该项",
    "{0} B each": "每个 {0} B",
    "IPv4 {0} B, IPv6 {1} B each": "每个 IPv4 {0} B，IPv6 {1} B",
    "the TIME_WAITs take {0} ({1}); each ends by itself after 60 s, and to have thousands is normal":
      "这些 TIME_WAIT 共占用 {0}（{1}）；每个 60 s 后自行结束，有几千个属于正常",
    "towards no service more than {0} of the local ports are in TIME_WAIT ({1} of {2})":
      "对任一服务，处于 TIME_WAIT 的本地端口都不超过 {0}（{1}/{2}）",
    "The limit of TIME_WAITs is reached": "已达到 TIME_WAIT 数量上限",
    "Beyond tcp_max_tw_buckets the kernel makes no TIME_WAIT: the connection is gone at once. A packet of it that comes late can then disturb a new connection with the same addresses and ports.":
      "超过 tcp_max_tw_buckets 后内核不再建立 TIME_WAIT，连接立即消失。此后迟到的报文可能干扰地址和端口相同的新连接。",
    "close fewer connections from this end: keep-alive, pools (see the other findings)":
      "减少本端主动关闭的连接：使用 keep-alive、连接池（见其他结论）",
    "it is about FIN_WAIT2; a TIME_WAIT lasts 60 s": "它管的是 FIN_WAIT2；TIME_WAIT 固定为 60 s",
    "{0} lost the TIME_WAIT in {1}": "{1}内未能进入 TIME_WAIT：{0}",
    ", {0} are allowed": "，上限 {0}",
    "the kernel counts each": "内核逐个计数",
    "the kernel's own count and limit": "取自内核的计数和上限",
    "tcp_max_tw_buckets is lowered": "tcp_max_tw_buckets 被调低了",
    "The limit exists against denial of service only. Lowered, it takes TIME_WAITs away from connections that need them as soon as it is reached; it saves nothing but memory that is not missed.":
      "该上限只用于防御拒绝服务攻击。调低后，一旦达到上限，需要 TIME_WAIT 的连接就会失去它；省下的只是本来就不缺的内存。",
    "if it was lowered to have fewer TIME_WAITs: close fewer connections from this end instead":
      "如果调低是为了减少 TIME_WAIT：应改为减少本端主动关闭的连接",
    "tcp_ehash_entries, and with it the default of tcp_max_tw_buckets,":
      "tcp_ehash_entries（tcp_max_tw_buckets 的默认值随之变化）",
    "tcp_max_tw_buckets is {0}; {1} is the default of this machine":
      "tcp_max_tw_buckets 为 {0}；本机默认值为 {1}",
    "the default follows from the size of the kernel's table of connections": "默认值由内核连接表的大小决定",
    " ({0} if all are used)": "（全部用满时为 {0}）",
    "raise it, never lower it": "只应调大，不要调小",
    "Connections are not closed after their peer has closed": "对端关闭后，本端没有关闭连接",
    "The peer has closed and this process has not. Only close(), or the end of the process, ends such a connection. Until then it keeps its memory and, once accepted, its descriptor, as before the peer closed.":
      "对端已关闭，而本进程没有关闭。只有 close() 或进程退出才能结束这样的连接。在此之前它一直占用内存；如果已被 accept，还占用文件描述符，与对端关闭前一样。",
    "it is about FIN_WAIT2 of closed sockets, at the other end": "它管的是另一端已关闭套接字的 FIN_WAIT2",
    "the peer's kernel still answers, so a keep-alive finds nothing wrong": "对端内核仍会应答，保活探测发现不了问题",
    "{0}, the oldest for {1}{2}": "{0}，最久的已 {1}{2}",
    "{0}{1} in CLOSE_WAIT": "处于 CLOSE_WAIT：{0}{1}",
    "{0} unread": "未读 {0}",
    "{0} written and not taken by the peer (Send-Q)": "已写入但对端未收取：{0}（Send-Q）",
    "the accept queue: {0} of {1}": "全连接队列（accept 队列）：{0}/{1}",
    ", full": "，已满",
    "{0} held by other processes as well: each holder must close": "其他进程也持有 {0}：每个持有者都必须关闭",
    "; the age is counted from the peer's last packet": "；时长从收到对端最后一个报文算起",
    "descriptors of the process, or their limit": "进程的文件描述符或其上限",
    "at {0} ({1})": "在 {0}（{1}）",
    "to {0} ({1})": "到 {0}（{1}）",
    "{0} of {1} descriptors are open": "已打开文件描述符 {0}/{1}",
    "{0} descriptors are open": "已打开文件描述符 {0}",
    ", as many as before the watch": "，与观察期前持平",
    ", {0}{1} in the watch": "，观察期内 {0}{1}",
    "it is out of descriptors: accept(), open() and socket() fail with EMFILE":
      "文件描述符已耗尽：accept()、open() 和 socket() 均返回 EMFILE",
    "they run out in {0} at this rate": "按此速率，{0}后耗尽",
    "let the process go on first (kill -CONT, the debugger, the disk): nothing else helps until then":
      "先让进程恢复运行（kill -CONT、调试器、磁盘）：在此之前其他办法都无效",
    "the process is out of descriptors: find what holds them (tcplinger census --by process, ls -l /proc/PID/fd), and raise its limit (LimitNOFILE= of the unit, ulimit -n); accepting faster or a longer queue does not help":
      "进程的文件描述符已耗尽：找出被什么占用（tcplinger census --by process，ls -l /proc/PID/fd），并调大其上限（unit 的 LimitNOFILE=，ulimit -n）；加快 accept() 或加长队列都没有用",
    "opened them; {0} has them open": "建立了这些连接；现由 {0} 持有",
    "has some of them open as well": "也持有其中一部分",
    "has not closed {0}": "未关闭 {0}",
    "has not closed": "未关闭",
    "no process has them open": "没有进程持有它们",
    "opened them; no process has them open": "建立了这些连接；现已没有进程持有",
    "has the listener": "持有监听套接字",
    "accepted connection": "已 accept 的连接",
    "holds {0} and accepts none now": "持有 {0}，目前不再 accept",
    "has the listener too, and holds no accepted connection": "也持有监听套接字，但没有已 accept 的连接",
    "a relay: passed on the end of {0} and waits": "中继：已转发 {0} 的 EOF，正在等待",
    "the other end of {0}": "{0} 的另一端",
    "A process is out of descriptors": "有进程的文件描述符已耗尽",
    "It has as many descriptors open as it may have: accept(), open() and socket() fail with EMFILE. Connections that it cannot accept wait in its accept queue, and fill it.":
      "它打开的文件描述符已达上限：accept()、open() 和 socket() 均返回 EMFILE。无法 accept 的连接在它的全连接队列中等待，直至占满队列。",
    "find what it holds: ls -l /proc/PID/fd, tcplinger leaks, tcplinger census --by process":
      "找出占用者：ls -l /proc/PID/fd、tcplinger leaks、tcplinger census --by process",
    "raise its limit, if it needs as many: LimitNOFILE= of the unit, ulimit -n, worker_rlimit_nofile of nginx":
      "如果确实需要这么多，调大其上限：unit 的 LimitNOFILE=、ulimit -n、nginx 的 worker_rlimit_nofile",
    "it is for the whole host; the limit that is reached is the process's own":
      "它针对整台主机；达到的是进程自己的上限",
    "a longer queue makes clients wait longer for an accept() that fails":
      "加长队列，只会让客户端为一个失败的 accept() 等得更久",
    "{0} in CLOSE_WAIT ({1})": "处于 CLOSE_WAIT：{0}（{1}）",
    "among them ": "其中 ",
    "is out of descriptors": "文件描述符已耗尽",
    "its open descriptors and its limit are the kernel's own figures": "打开的文件描述符数及上限均取自内核",
    "The peer does not close": "对端不关闭",
    "This end has sent its FIN and waits for the peer's: the peer holds a CLOSE_WAIT. What is wrong is there.":
      "本端已发出 FIN，正在等对端的 FIN：对端处于 CLOSE_WAIT，问题在对端。",
    "look at the peer: tcplinger leaks on that host names the process":
      "检查对端：在那台主机上运行 tcplinger leaks，可找出是哪个进程",
    "a program that only called shutdown() waits for as long as it likes: it can close() after a time of its own":
      "只调用了 shutdown() 的程序会一直等下去：可以让它在自定的超时后 close()",
    "Half-closed connections: one end is done, the other is at work": "半关闭的连接：一端已结束，另一端还在工作",
    "One end has called shutdown() and reads on, so the other may take its time: a relay that passes the end on, and whoever works at an answer, are no leaks. If it lasts for longer than the work can, look at who is waited for.":
      "一端调用了 shutdown() 但仍在读，另一端可以慢慢来：转发 EOF 的中继，以及仍在生成应答的一方，都不是泄漏。如果持续时间超过了处理应有的时长，就要看在等谁。",
    "if it lasts too long: look at the one that is waited for, first in the list":
      "如果持续过久：检查被等待的一方，即列表中的第一个",
    "{0} for a second or more, the longest for {1}": "{0} 已持续一秒以上，最长 {1}",
    "{0} half closed by shutdown(): the process still has them open, and reads on":
      "由 shutdown() 半关闭：{0}，进程仍持有它们并继续读",
    "closed before the start, by a process that is over": "启动前已关闭，关闭它的进程已退出",
    "has half closed (shutdown)": "已半关闭（shutdown）",
    "has closed": "已关闭",
    "it is {0} s; ": "当前为 {0} s；",
    "after it the kernel drops one that is closed, not one that is only shut down; it hides the fault of the peer":
      "到期后内核只丢弃已 close 的连接，不丢弃仅 shutdown 的；而且它会掩盖对端的问题",
    "the state is the socket's own": "状态取自套接字本身",
    "the others wait for it: it works, or it will not answer": "其他各方都在等它：要么在工作，要么不会应答了",
    "a relay: passed the end on and waits": "中继：已转发 EOF，正在等待",
    "has shut down its side, and reads on": "已关闭自己的写方向，仍在读",
    "{0}, the oldest for {1}": "{0}，最久的已 {1}",
    "the peer, on this host, has only shut down its side; whether the work goes on is not seen":
      "对端在本机，只 shutdown 了自己一侧；处理是否仍在进行看不出来",
    "{0}, the oldest for {1}, whose end was passed on to {2}": "{0}，最久的已 {1}，其 EOF 已转发给 {2}",
    "a relay: waits for the peer to close": "中继：等待对端关闭",
    "as many half-closes as CLOSE_WAITs, of the same moments; the far end is on another host":
      "半关闭与 CLOSE_WAIT 数量相同、时刻一致；远端在另一台主机上",
    "tcp_tw_recycle is on": "tcp_tw_recycle 已打开",
    "The server drops SYNs whose timestamp is older than the last it saw from that address: behind NAT, clients share an address and not a clock, so some of them cannot connect.":
      "时间戳比该地址上次出现的更旧时，服务端会丢弃 SYN：NAT 后的客户端共用地址但不共用时钟，因此其中一些连不上。",
    "turn it off; Linux 4.12 has removed it": "关掉它；Linux 4.12 已移除",
    "tcp_tw_recycle is {0}": "tcp_tw_recycle 为 {0}",
    "off, as it is by default": "关闭，即默认值",
    "it is what the setting does": "该设置的作用就是如此",
    "tcp_tw_reuse is on and cannot work": "tcp_tw_reuse 已打开，但不会起作用",
    "connect() reuses a TIME_WAIT only if the connection had timestamps, and they are turned off.":
      "只有连接用了时间戳，connect() 才会复用其 TIME_WAIT，而时间戳已被关闭。",
    "turn timestamps on, unless something on the way cannot bear them": "打开时间戳，除非链路上有设备不兼容",
    "tcp_tw_reuse is {0}, tcp_timestamps is 0": "tcp_tw_reuse 为 {0}，tcp_timestamps 为 0",
    "for connections that begin afterwards": "只对此后新建的连接生效",
    "the kernel asks for timestamps first": "内核会先检查时间戳",
    "Services listen inside the range of local ports": "有服务监听在本地端口范围内",
    "While the service runs, connect() cannot use its port. While it is down, for a restart, an outgoing connection can take the port, and the service then fails to start with EADDRINUSE.":
      "服务运行时，connect() 用不了它的端口。服务重启期间，该端口可能被对外连接占用，服务随后因 EADDRINUSE 启动失败。",
    "move the service, or the range, or reserve the ports": "更换服务端口，或调整范围，或将这些端口设为保留",
    "the listening ports": "监听端口",
    "listening port": "监听端口",
    "{0} between {1} and {2}: {3}": "{1} 到 {2} 之间有 {0}：{3}",
    "connect() and bind() to port 0 leave these out; the list replaces the one that is there":
      "connect() 和绑定端口 0 的 bind() 会避开这些端口；该列表会替换现有列表",
    "a listener that was given its port by the kernel (bind to port 0) belongs there, and cannot be told apart":
      "由内核分配端口（bind 端口 0）的监听套接字本来就在该范围内，无法区分",
    "nobody has called accept() for them": "没有人对它们调用 accept()",
    "idle connections of a client, with the server's goodbye unread at most: a pool that does not watch them between uses":
      "客户端的空闲连接，至多只剩服务端的告别消息未读：连接池在两次使用之间不检查它们",
    "the process writes, and the peer does not read: it is blocked in send(), or waits to write":
      "进程在写，对端不读：阻塞在 send()，或在等待可写",
    "data before the end is unread: the application does not read now": "EOF 之前还有数据未读：应用目前没有在读",
    "only the end of file is unread: the application neither reads nor polls them now":
      "只剩文件结束（EOF）未读：应用目前既没有读也没有 poll 它们",
    "all is read, perhaps the end with the last data: likely a leak of descriptors, or the process is still at work":
      "数据都已读完，EOF 可能也随最后的数据读到了：多半是文件描述符泄漏，或进程仍在处理",
    "no process has them open: in flight in a unix socket (SCM_RIGHTS), or registered with io_uring":
      "没有进程持有它们：正在 unix 套接字中传递（SCM_RIGHTS），或已注册到 io_uring",
    "how far the application has read is not known": "不清楚应用读到了哪里",
    "find what keeps the process from calling accept(): other work, a lock, no descriptor left":
      "找出进程为何没有调用 accept()：忙于其他工作、锁、文件描述符用完",
    "let the pool drop idle connections before the server does (an idle time shorter than the server's), and test a connection before it is used; closing them costs nothing":
      "让连接池先于服务端丢弃空闲连接（空闲超时短于服务端），使用前先检测连接；关闭它们没有代价",
    "give writes a time limit: SO_SNDTIMEO, TCP_USER_TIMEOUT, or the send timeout of the server; and look at the peer, which takes no data":
      "给写操作设超时：SO_SNDTIMEO、TCP_USER_TIMEOUT 或服务端的发送超时；并检查不收数据的对端",
    "find what the reading thread does instead: another request, a lock, its own peer":
      "找出读线程在忙什么：其他请求、锁、它自己的对端",
    "look for connections that the event loop no longer watches, or a worker that is busy; read them, and close at the end of file":
      "查找事件循环不再监听的连接，或忙碌的 worker；要读这些连接，读到 EOF 就关闭",
    "look for a path that reads 0 bytes, or an error, and returns without close()":
      "查找读到 0 字节或出错后没有 close() 就返回的代码路径",
    "find the process that should receive them (ss -xp), or that has the io_uring":
      "找出本应接收它们的进程（ss -xp），或持有该 io_uring 的进程",
    "tcplinger leaks --each shows each of them": "用 tcplinger leaks --each 逐个列出",
    "the kernel counts the end of file as read with the last byte: read() need not have returned 0 yet":
      "内核把 EOF 视为随最后一个字节一起读走：read() 不一定已经返回过 0",
    "the state and what is unread are the socket's own; that it is a pool is a guess":
      "状态和未读数据取自套接字本身；判断为连接池只是推测",
    "the state, and how far the application has read, are the socket's own": "状态以及应用读到哪里，均取自套接字本身",
    "Too many orphans: closed connections whose peer does not answer": "孤儿连接过多：已关闭，但对端不应答",
    "After close() the kernel goes on with what is left to send. Beyond tcp_max_orphans it resets such connections, and what was not sent is lost. Each takes up to 64 kB that cannot be swapped.":
      "close() 之后内核会继续发送剩余数据。超过 tcp_max_orphans 后，内核会复位（RST）这类连接，未发出的数据就丢了。每个最多占用 64 kB 不可换出的内存。",
    "find the peers that take no data, or do not close: ss -tn state fin-wait-1, state last-ack, state closing":
      "找出不收数据或不关闭的对端：ss -tn state fin-wait-1、state last-ack、state closing",
    "those in FIN_WAIT2 for up to 60 s become time_wait sockets, which count as TIME_WAITs and not as orphans":
      "FIN_WAIT2 时限不超过 60 s 的，会转为 time_wait 套接字，计入 TIME_WAIT，不计入孤儿连接",
    "orphans in /proc/net/sockstat": "/proc/net/sockstat 中的孤儿连接数",
    "{0} reset because of too many orphans or too little memory, in {1}":
      "{1}内因孤儿连接过多或内存不足而复位：{0}",
    "for the whole host; it takes memory, and lowering it only resets more":
      "针对整台主机；会占用内存，调小只会复位更多",
    "lower, peers that do not answer are given up earlier": "调小后，会更早放弃不应答的对端",
    "the kernel's own count; from a quarter of the limit on it resets the worst ones":
      "取自内核计数；从上限的四分之一起，内核就会复位最严重的那些",
    "Few local ports are left towards one service": "到某一服务的本地端口所剩不多",
    "Each TIME_WAIT keeps its local port for 60 s for this local address and this service. When none is left, connect() fails with EADDRNOTAVAIL (Cannot assign requested address). Other services are not affected.":
      "对同一本地地址和该服务，每个 TIME_WAIT 会占住其本地端口 60 s。端口耗尽后，connect() 返回 EADDRNOTAVAIL (Cannot assign requested address)。其他服务不受影响。",
    "keep connections open and use them again: a pool, HTTP keep-alive":
      "保持连接并重复使用：连接池、HTTP 长连接（keep-alive）",
    "let the server close first, where the protocol allows it: the TIME_WAIT is the server's then, and takes no port":
      "协议允许时，让服务端主动关闭：TIME_WAIT 就留在服务端，不占用端口",
    "spread over more addresses or ports of the service, or over more local addresses":
      "分散到服务的更多地址或端口，或使用更多本地地址",
    "if the program calls bind() before connect(), and bind() fails with EADDRINUSE: set IP_BIND_ADDRESS_NO_PORT (Linux 4.2) before bind(); strace -f -e trace=bind,connect -p PID shows whether it binds":
      "如果程序在 connect() 之前调用 bind()，且 bind() 返回 EADDRINUSE：在 bind() 之前设置 IP_BIND_ADDRESS_NO_PORT（Linux 4.2）；用 strace -f -e trace=bind,connect -p PID 可看出是否调用了 bind()",
    "IP_LOCAL_PORT_RANGE (Linux 6.3) gives one program a part of the range of its own, so that another cannot take it; it does not make the range larger":
      "IP_LOCAL_PORT_RANGE（Linux 6.3）给单个程序划出端口范围中的专用部分，别的程序抢不走；但不会扩大总范围",
    "it is about FIN_WAIT2; a TIME_WAIT lasts 60 s, which no setting changes":
      "它管的是 FIN_WAIT2；TIME_WAIT 固定为 60 s，没有设置可以改变",
    "lowered, it destroys TIME_WAITs of every service at once, and with them the protection from old packets":
      "调低后，所有服务的 TIME_WAIT 都会立即被销毁，也就失去了对旧报文的防护",
    "gone since Linux 4.12; before, it broke clients behind NAT":
      "Linux 4.12 起已移除；之前会导致 NAT 后的客户端出问题",
    "the count of TIME_WAITs": "TIME_WAIT 的数量",
    "All local ports are taken: the program calls bind() before connect()":
      "本地端口已全部占用：程序在 connect() 之前调用了 bind()",
    "connect() by itself shares a local port among services; bind() does not know the service yet, so each port serves one connection at a time, and its TIME_WAIT is not reused. When none is left, bind() fails with EADDRINUSE.":
      "单独 connect() 时，不同服务可以共用一个本地端口；而 bind() 还不知道目标服务，所以每个端口同时只能用于一个连接，其 TIME_WAIT 也不会被复用。端口耗尽后，bind() 返回 EADDRINUSE。",
    "set IP_BIND_ADDRESS_NO_PORT (Linux 4.2) before bind(): connect() then chooses the port, and shares it among services (nginx: proxy_bind does it; HAProxy: \"source\" does)":
      "在 bind() 之前设置 IP_BIND_ADDRESS_NO_PORT（Linux 4.2）：改由 connect() 选端口，不同服务可以共用（nginx：proxy_bind 已这样做；HAProxy：\"source\" 已这样做）",
    "do not bind() where the address of the route is right anyway": "如果路由选出的地址本来就对，就不要 bind()",
    "keep connections open and use them again": "保持连接并重复使用",
    "it is connect() that reuses a TIME_WAIT, and bind() has chosen the port before":
      "复用 TIME_WAIT 的是 connect()，而端口已先由 bind() 选定",
    "has {0} open": "持有 {0}",
    "usable port": "可用端口",
    "{0} of {1} of {2} are taken, by {3} connections and TIME_WAITs to {4} services":
      "{2} 的 {1} 已占用 {0}（到 {4} 个服务的 {3} 个连接和 TIME_WAIT）",
  ]
}
