extension Catalogue {
  /// The rest of it, and how a report is put together.
  static let moreFindings: [String: String] = [
    "each port is used for one service only, as bind() chose it before connect()":
      "端口由 bind() 在 connect() 之前选定，每个只用于一个服务",
    "none is left: bind() fails with EADDRINUSE": "已耗尽：bind() 返回 EADDRINUSE",
    "few are left": "所剩不多",
    "the ports are the kernel's own; ports that are never shared have hardly another cause":
      "端口数取自内核；端口从不共用，几乎没有别的原因",
    "who: all began before the watch": "由谁造成：都在观察期之前开始",
    "open connection": "打开的连接",
    " and {0}": " 和 {0}",
    "{0}: {1} of {2}": "{0}：{1}/{2}",
    "{0} are added; {1}": "增加 {0}；{1}",
    "who caused the TIME_WAITs: all began before the watch": "TIME_WAIT 由谁造成：都在观察期之前开始",
    "ip_local_reserved_ports: fewer ports may be usable": "ip_local_reserved_ports：可用端口可能更少",
    "the count is the kernel's; whether a TIME_WAIT can be reused depends on the peer's timestamps too":
      "计数取自内核；TIME_WAIT 能否复用还取决于对端的时间戳",
    "the count is the kernel's, and nothing lets these ports be reused": "计数取自内核，没有任何设置能让这些端口被复用",
    ": {0} of {1}": "：{0}/{1}",
    "none is left: connect() fails with EADDRNOTAVAIL (Cannot assign requested address)":
      "已耗尽：connect() 返回 EADDRNOTAVAIL (Cannot assign requested address)",
    "Open connections take the local ports towards one service": "打开的连接占满了到某一服务的本地端口",
    "Each connection to a service has a local port of its own for as long as it is open. When none is left, connect() fails with EADDRNOTAVAIL. Other services are not affected. Most of these connections are open, so what is said of TIME_WAIT does not help.":
      "到服务的每个连接在打开期间独占一个本地端口。端口耗尽后，connect() 返回 EADDRNOTAVAIL。其他服务不受影响。这些连接大多处于打开状态，因此针对 TIME_WAIT 的办法没有用。",
    "a pool that grows without limit: give it a limit, and close what is idle":
      "无限增长的连接池：设上限，并关闭空闲连接",
    "find connections that nobody uses any more: each has a descriptor of the process (ls -l /proc/PID/fd)":
      "找出已无人使用的连接：每个都占用进程的一个文件描述符（ls -l /proc/PID/fd）",
    "the count is the kernel's": "计数取自内核",
    "who has them open: ss -tnp, or tcplinger census --by process":
      "由谁持有：ss -tnp，或 tcplinger census --by process",
    "it is as wide as it can be": "已经是最大范围",
    "up to {0} ports, {1} new connections a second; put the ports of services in that range into ip_local_reserved_ports first":
      "最多 {0} 个端口，每秒 {1} 个新连接；先把该范围内的服务端口加入 ip_local_reserved_ports",
    "An accept queue is full: connections are refused silently": "全连接队列（accept 队列）已满：连接被悄悄拒绝",
    "More connections are ready than a listener's backlog holds. The kernel drops a SYN, which the client sends again after a second, or the last packet of a handshake, after which the client believes it is connected.":
      "已就绪的连接超过了监听套接字的 backlog。内核会丢弃 SYN（客户端一秒后重发），或丢弃握手的最后一个报文（此时客户端以为已连上）。",
    "call accept() faster: more workers or threads, nothing slow in the accept loop":
      "加快 accept()：增加 worker 或线程，accept 循环中不要有慢操作",
    "give listen() a larger backlog (nginx: \"listen 80 backlog=N;\"), if the bursts are short":
      "如果突发很短，给 listen() 更大的 backlog（nginx：\"listen 80 backlog=N;\"）",
    "clients get a reset instead; it can harm them": "客户端会改为收到复位（RST），可能对其造成损害",
    "it is about connections whose handshake is not done": "它管的是握手尚未完成的连接",
    "not known": "未知",
    "accept-queue overflows: {0}, dropped connection attempts: {1}, in {2}":
      "{2}内全连接队列溢出：{0}，丢弃的建连请求：{1}",
    "at port {0} {1} wait for accept()": "端口 {0} 上等待 accept()：{1}",
    "; the backlog is {0}": "；backlog 为 {0}",
    "it is out of descriptors: accept() fails with EMFILE, and this is the cause":
      "文件描述符已耗尽：accept() 返回 EMFILE，这就是原因",
    "find what holds the descriptors, or raise the process's limit (see descriptors_exhausted)":
      "找出占用文件描述符的东西，或调大进程的上限（见 descriptors_exhausted）",
    "the kernel counts each time that a queue is full; which listener is told by the queues after the watch":
      "内核每遇到队列满就计一次；具体是哪个监听套接字，根据观察期结束后的队列判断",
    "attempts were dropped while no queue was full: memory, or a filter, may be why":
      "有建连请求被丢弃而队列未满：可能是内存或过滤规则所致",
    "the listeners of this namespace": "本命名空间的监听套接字",
    "accepts at port {0}: has {1} open": "在端口 {0} 上 accept：持有 {1}",
    "has the listener of port {0}": "持有端口 {0} 的监听套接字",
    "the backlog is the program's own, {0} (net.core.somaxconn allows {1}): only the program can raise it":
      "backlog 由程序自己设定，为 {0}（net.core.somaxconn 允许 {1}）：只能由程序调大",
    "it is {0}, and this backlog is {1}: the program asks for no more":
      "当前为 {0}，而此 backlog 为 {1}：程序没有要求更大的",
    "{0} now: no backlog can be larger; the program must ask for more too, and listen anew":
      "当前为 {0}：backlog 不会超过它；程序也要设置更大的值，并重新 listen()",
    "Too many handshakes at once (SYN queue)": "同时进行的握手过多（半连接队列，SYN queue）",
    "More clients have sent a SYN than may wait for the end of their handshake: a flood, or more new connections than the server accepts. With syncookies they still get in, with fewer TCP options; without they are dropped.":
      "已发 SYN 的客户端多于允许等待握手完成的数量：可能是 SYN 洪泛，或新连接多于服务端能接受的量。有 syncookies 时仍可连入，但 TCP 选项较少；没有则被丢弃。",
    "if these are honest clients: accept faster, keep connections open (the queue is no larger than the backlog)":
      "如果是正常客户端：加快 accept()，保持连接（队列不大于 backlog）",
    "if it is a flood: filter it before it gets here": "如果是洪泛：在到达本机之前过滤掉",
    "{0} dropped in {1}": "{1}内丢弃 {0}",
    "{0} answered with a cookie in {1}": "{1}内以 cookie 应答 {0}",
    "nobody is dropped for a full queue then": "这样就不会有人因队列满而被丢弃",
    "{0} now; ": "当前为 {0}；",
    "with it net.core.somaxconn and the backlog of listen()":
      "需同时调整 net.core.somaxconn 和 listen() 的 backlog",
    "Connections are reset when they are closed": "连接在关闭时被复位（RST）",
    "A process on this host closed with SO_LINGER 0, or with data unread, or got data after its close(): the peer gets a reset, and may lose data that is on its way. No TIME_WAIT is made.":
      "本机有进程以 SO_LINGER 0 关闭，或关闭时还有数据未读，或 close() 之后又收到数据：对端会收到复位（RST），途中的数据可能丢失。不会产生 TIME_WAIT。",
    "SO_LINGER with 0 is no cure for TIME_WAIT: it throws away what is not sent yet. Remove it, and reuse connections":
      "把 SO_LINGER 设为 0 不能解决 TIME_WAIT：它会丢弃尚未发出的数据。应去掉它，并复用连接",
    "read to the end of file before close(): unread data turns it into a reset":
      "close() 之前先读到 EOF：有未读数据会使关闭变成复位",
    "any setting": "任何设置",
    "this is done by programs": "复位是程序造成的",
    "{0} by SO_LINGER 0, or by data that came after the close, in {1}":
      "{1}内由 SO_LINGER 0 或关闭后到达的数据引起：{0}",
    "{0} with data unread, in {1}": "{1}内关闭时有数据未读：{0}",
    "one counter of the kernel has both SO_LINGER 0 and data after the close":
      "SO_LINGER 0 与关闭后到达的数据共用内核的一个计数器",
    "each reset was seen as it was sent": "每个复位在发出时都已观察到",
    "which process: strace -f -e trace=setsockopt,close -p PID shows SO_LINGER":
      "是哪个进程：strace -f -e trace=setsockopt,close -p PID 可看到 SO_LINGER",
    "Peers vanish without closing": "对端未关闭就消失",
    "Connections ended because the peer answered nothing any more: it lost power, or something on the way forgot the connection. One that is idle is noticed only by keep-alive, if the program has asked for it.":
      "连接因对端不再有任何应答而结束：对端断电，或链路上的设备丢失了连接状态。空闲连接只有靠保活才能发现，且程序须已启用。",
    "set SO_KEEPALIVE, with TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT, in programs with idle connections; TCP_USER_TIMEOUT bounds unanswered data":
      "在有空闲连接的程序中设置 SO_KEEPALIVE，以及 TCP_KEEPIDLE、TCP_KEEPINTVL 和 TCP_KEEPCNT；TCP_USER_TIMEOUT 限制数据未被确认的时长",
    "{0} given up in {1}": "{1}内放弃 {0}",
    "only for sockets with SO_KEEPALIVE, and if they set no time of their own":
      "只对设置了 SO_KEEPALIVE 且没有自定时间的套接字有效",
    "by SO_LINGER 0": "因 SO_LINGER 0",
    "by close() with data unread": "因 close() 时有数据未读",
    "by data that came after close()": "因 close() 之后到达的数据",
    "of connections that it had not accepted when it closed the listener": "关闭监听套接字时尚未 accept 的连接",
    "by connect() to AF_UNSPEC": "因 connect() 到 AF_UNSPEC",
    "by TCP_LINGER2 below 0": "因 TCP_LINGER2 小于 0",
    "of unknown reason": "原因未知",
    "when keep-alive would notice is not known": "不清楚保活何时会发现",
    "with SO_KEEPALIVE an idle one is noticed after {0} (tcp_keepalive_time {1} s, then {2} probes {3} s apart)":
      "设置 SO_KEEPALIVE 时，空闲连接在 {0} 后被发现（tcp_keepalive_time {1} s，之后 {2} 次探测，间隔 {3} s）",
    "tcp_keepalive_time, _intvl or _probes": "tcp_keepalive_time、_intvl 或 _probes",
    "{0} in network namespace {1}": "{0}，位于网络命名空间 {1}",
    "A connection for each request": "每个请求一个连接",
    "A client connects, exchanges little and closes, again and again. Each time costs a round trip or more, and leaves a TIME_WAIT at the end that closes first. At a client it keeps a local port for 60 s.":
      "客户端反复地连接、交换少量数据、关闭。每次至少多花一个往返，并在主动关闭方留下一个 TIME_WAIT。若在客户端，会占住一个本地端口 60 s。",
    "it frees ports earlier, but the connections are as many, and each is as slow to open":
      "它能更早释放端口，但连接数不变，每个连接的建立也一样慢",
    "The server closes first": "服务端主动关闭",
    "Whoever closes first has the TIME_WAIT: here the server. It costs memory, and no local port: clients come from ports of their own. It is a sign that keep-alive is off, or shorter than clients are idle.":
      "谁主动关闭，TIME_WAIT 就在谁那里：这里是服务端。它占用内存，但不占本地端口：客户端用的是自己的端口。这说明 keep-alive 未开启，或比客户端的空闲时间短。",
    "let the client close first: keep-alive on, and longer than clients are idle; a client that sends \"Connection: close\", or speaks HTTP/1.0, asks for this":
      "让客户端主动关闭：开启 keep-alive，且时间长于客户端的空闲时间；发送 \"Connection: close\" 或使用 HTTP/1.0 的客户端，是自己要求服务端关闭",
    "it is for connections that this host opens, and these it has accepted":
      "它针对本机主动发起的连接，而这些是本机 accept 的",
    "{0} on this host {1}": "本机的 {0} {1}",
    "{0} each": "每个 {0}",
    "bytes of the connections: the other end closes first, and they are not traced":
      "连接的字节数：主动关闭的是另一端，这些连接未被跟踪",
    "used for {0} on average": "平均每个使用 {0}",
    "how long they were open: they began before the watch": "连接打开了多久：它们在观察期之前就已建立",
    "{0} in {1}, {2}": "{1}内 {0}，{2}",
    " ({0} of them ended in a TIME_WAIT here)": "（其中 {0} 个在本机以 TIME_WAIT 结束）",
    "the kernel counts each connect() by process": "内核按进程统计每次 connect()",
    "each of them was seen to close first": "每个都观察到是主动关闭方",
    "{0} connections opened in {1}, {2} of which ({3}) did not end in a TIME_WAIT here: the peer closed first, or they are open, reset or failed":
      "{1}内建立了 {0} 个连接，其中 {2} 个（{3}）没有在本机以 TIME_WAIT 结束：由对端主动关闭，或仍打开、被复位 (RST)、建立失败",
    "tcplinger --min-age 0 --state close_wait --role client names who opened those that the peer closed first":
      "tcplinger --min-age 0 --state close_wait --role client 可列出由对端主动关闭的连接是谁建立的",
    "the kernel counts every connect(), but not how each ended": "内核统计每次 connect()，但不统计各连接如何结束",
    "which processes": "是哪些进程",
    "{0}: whether TIME_WAITs can be reused": "{0}：TIME_WAIT 能否复用",
    "connect() may reuse one that is older than {0} ms (tcp_tw_reuse, tcp_timestamps are on)":
      "connect() 可以复用超过 {0} 毫秒的 TIME_WAIT（tcp_tw_reuse、tcp_timestamps 已开启）",
    "connect() may not reuse them: tcp_tw_reuse is 0": "connect() 不能复用：tcp_tw_reuse 为 0",
    "connect() may not reuse them: tcp_tw_reuse is 2, which is for loopback addresses only":
      "connect() 不能复用：tcp_tw_reuse 为 2，仅对回环地址有效",
    "connect() may not reuse them: tcp_timestamps is 0, which tcp_tw_reuse needs":
      "connect() 不能复用：tcp_timestamps 为 0，而 tcp_tw_reuse 依赖它",
    "whether connect() may reuse them is not known: {0} cannot be read":
      "无法确定 connect() 能否复用：{0} 不可读",
    "connect() then reuses a TIME_WAIT older than {0} ms, if the peer uses timestamps too; it is for outgoing connections only":
      "此后 connect() 可复用超过 {0} 毫秒的 TIME_WAIT，前提是对端也启用时间戳；只对出向连接有效",
    "tcp_tw_reuse needs them; for connections that begin afterwards":
      "tcp_tw_reuse 依赖时间戳；只对之后新建的连接生效",
    "it is on already for these": "对这些连接已经开启",
    "{0} ms is the default; never below the clock tick of the peer": "默认 {0} 毫秒；不得小于对端的时钟粒度",
    "none is left: connect() fails with EADDRNOTAVAIL": "端口已耗尽：connect() 报 EADDRNOTAVAIL 失败",
    "connect() fails with EADDRNOTAVAIL in {0}": "{0} 后 connect() 将报 EADDRNOTAVAIL 失败",
    "that is more than the ports allow": "超出了端口所能承受的量",
    "at this rate {0} of {1} ports will be taken at a time": "按此速率，{1} 个端口中会同时占用 {0} 个",
    "in the upstream block \"keepalive 32;\", and with it \"proxy_http_version 1.1;\" and \"proxy_set_header Connection \"\";\" (from nginx 1.29.7 on both are the default); for FastCGI \"fastcgi_keep_conn on;\"":
      "在 upstream 块中设置 \"keepalive 32;\"，并配合 \"proxy_http_version 1.1;\" 和 \"proxy_set_header Connection \"\";\"（nginx 1.29.7 起两者均为默认）；FastCGI 用 \"fastcgi_keep_conn on;\"",
    "\"keepalive_timeout\" above 0 and longer than clients are idle, \"keepalive_requests\" high enough":
      "\"keepalive_timeout\" 大于 0 且长于客户端的空闲时间，\"keepalive_requests\" 足够大",
    "\"keepalive_timeout\" in the upstream block, shorter than that of the server behind it":
      "upstream 块中的 \"keepalive_timeout\" 短于后端服务器的空闲超时",
    "\"option http-keep-alive\" rather than \"option httpclose\"; \"timeout http-keep-alive\" longer":
      "用 \"option http-keep-alive\" 代替 \"option httpclose\"；调大 \"timeout http-keep-alive\"",
    "\"pool-purge-delay\" shorter than the server's idle time": "\"pool-purge-delay\" 短于服务器的空闲超时",
    "ProxyPass without \"disablereuse=On\", and no \"SetEnv proxy-nokeepalive\"":
      "ProxyPass 不要带 \"disablereuse=On\"，也不要设置 \"SetEnv proxy-nokeepalive\"",
    "\"KeepAlive On\", \"KeepAliveTimeout\" longer than clients are idle, \"MaxKeepAliveRequests\" high enough":
      "\"KeepAlive On\"，\"KeepAliveTimeout\" 长于客户端的空闲时间，\"MaxKeepAliveRequests\" 足够大",
    "ProxyPass \"ttl=\" shorter than the server's idle time": "ProxyPass 的 \"ttl=\" 短于服务器的空闲超时",
    "in the web server in front of it: nginx \"fastcgi_keep_conn on;\" with \"keepalive\" in the upstream block":
      "在前端 Web 服务器中设置：nginx 用 \"fastcgi_keep_conn on;\"，并在 upstream 块中设置 \"keepalive\"",
    "serve HTTP/1.1: http.server closes after each answer unless protocol_version is \"HTTP/1.1\"":
      "使用 HTTP/1.1：http.server 每次响应后都会关闭连接，除非 protocol_version 为 \"HTTP/1.1\"",
    "http.Agent with \"timeout\" shorter than the server's; for databases idleTimeoutMillis of the pool":
      "http.Agent 的 \"timeout\" 短于服务器的超时；数据库则设置连接池的 idleTimeoutMillis",
    "\"timeout 0\" in redis.conf: it closes no idle client; clients keep one connection or a pool":
      "在 redis.conf 中设置 \"timeout 0\"：不关闭空闲客户端；客户端保持一个连接或使用连接池",
    "opens {0}": "建立 {0}",
    "opened {0}": "建立了 {0}",
    "{0} to {1}": "{0} 到 {1}",
    "{0} connections a second": "每秒 {0} 个连接",
    "nobody known": "未知",
    "{0} a second": "每秒 {0}",
    "{0} ms": "{0} 毫秒",
    "{0} s": "{0} 秒",
    "{0} min": "{0} 分钟",
    "{0} h": "{0} 小时",
    "under 0.1 ms": "不到 0.1 毫秒",
    "it is stopped (state T: SIGSTOP, or a shell's job control): it can close nothing until SIGCONT":
      "进程已停止（状态 T：SIGSTOP，或 shell 作业控制）：收到 SIGCONT 之前什么都关闭不了",
    "a debugger has stopped it (state t): it can close nothing until that lets it go on":
      "进程被调试器停住（状态 t）：调试器放行之前什么都关闭不了",
    "it waits in the kernel (state D: a disk, or NFS): it can close nothing until that is over":
      "进程在内核中等待（状态 D：磁盘或 NFS）：等待结束之前什么都关闭不了",
    "its main thread has ended (state Z), and others of its threads have the connections":
      "主线程已结束（状态 Z），连接由其他线程持有",
    "Found: {0}": "发现：{0}",
    "Nothing wrong was found": "没有发现问题",
    "Nothing wrong was found; worth knowing: {0}": "没有发现问题；值得了解：{0}",
    "{0}. Watched for {1}, Linux {2}.": "{0}。观察了 {1}，Linux {2}。",
    "The figures": "数据",
    "- LOST: {0} events of the watch; figures by process are too low":
      "- LOST：观察期内丢失 {0} 个事件；按进程统计的数字偏低",
    "Not known": "未知项",
    "tcplinger has changed nothing: run the commands above if you agree.":
      "tcplinger 没有改动任何东西：如果同意，请自行执行上面的命令。",
    "And {0} more; --json has all of them.": "还有 {0} 个；--json 可显示全部。",
    "True of most hosts, and no trouble by itself: {0}; --json says more.":
      "多数主机都如此，本身不算问题：{0}；--json 有更多信息。",
    ": to {0}": "：到 {0}",
    ": port {0}": "：端口 {0}",
    "  [network namespace {0}]": "  [网络命名空间 {0}]",
    "unknown process: ": "未知进程：",
    "as in {0}": "同 {0}",
    "{0} critical": "{0} 个严重",
    "{0} warning": "{0} 个警告",
    "{0} warnings": "{0} 个警告",
    "{0} note": "{0} 个提示",
    "{0} notes": "{0} 个提示",
    "At {0}:": "位于 {0}：",
    "no {0}": "没有 {0}",
    "network namespace {0}: {1}; CAP_SYS_ADMIN is needed": "网络命名空间 {0}：{1}；需要 CAP_SYS_ADMIN",
    "{0} sockets had no room in the count: what is said of ports is too low":
      "{0} 个套接字超出计数容量：所报告的端口数偏低",
  ]
}
