//! Postgres functions without pgrx's guard around them, for use inside [`super::catch`] only.
//!
//! pgrx wraps every function so that an ERROR becomes a panic that has lost half of its fields. Inside `catch` the
//! ERROR must be left to jump to our own handler.

use core::ffi::{c_char, c_int, c_long, c_void};

use pgrx::pg_sys::{
    Datum, ErrorData, FmgrInfo, FunctionCallInfo, HeapTuple, List, MemoryContext, Oid, ParamListInfo, QueryEnvironment,
    RawParseMode, RawStmt, SPIExecuteOptions, SPIPlanPtr, TupleDesc, TupleTableSlot, Tuplestorestate, bits32,
};

unsafe extern "C-unwind" {
    // elog.c
    pub(super) fn ReThrowError(data: *mut ErrorData);
    pub(super) fn ThrowErrorData(data: *mut ErrorData);
    pub(super) fn errstart(level: c_int, domain: *const c_char) -> bool;
    pub(super) fn errcode(code: c_int) -> c_int;
    pub(super) fn errmsg_internal(format: *const c_char, ...) -> c_int;
    pub(super) fn errcontext_msg(format: *const c_char, ...) -> c_int;
    pub(super) fn set_errcontext_domain(domain: *const c_char) -> c_int;
    pub(super) fn errfinish(file: *const c_char, line: c_int, function: *const c_char);
    // xact.c
    pub(super) fn BeginInternalSubTransaction(name: *const c_char);
    pub(super) fn ReleaseCurrentSubTransaction();
    pub(super) fn RollbackAndReleaseCurrentSubTransaction();
    pub(super) fn CommandCounterIncrement();
    // postgres.c, parser
    pub(super) fn ProcessInterrupts();
    pub(super) fn pg_trigger_depth(info: pgrx::pg_sys::FunctionCallInfo) -> pgrx::pg_sys::Datum;
    pub(super) fn raw_parser(text: *const c_char, mode: RawParseMode::Type) -> *mut List;
    pub(super) fn parse_analyze_varparams(
        tree: *mut RawStmt,
        text: *const c_char,
        types: *mut *mut Oid,
        count: *mut c_int,
        environment: *mut QueryEnvironment,
    ) -> *mut pgrx::pg_sys::Query;
    pub(super) fn standard_ProcessUtility(
        statement: *mut pgrx::pg_sys::PlannedStmt,
        text: *const c_char,
        read_only_tree: bool,
        context: pgrx::pg_sys::ProcessUtilityContext::Type,
        params: ParamListInfo,
        environment: *mut QueryEnvironment,
        dest: *mut pgrx::pg_sys::DestReceiver,
        completion: *mut pgrx::pg_sys::QueryCompletion,
    );
    // spi.c
    pub(super) fn SPI_connect() -> c_int;
    pub(super) fn SPI_finish() -> c_int;
    pub(super) fn SPI_prepare(text: *const c_char, count: c_int, types: *mut Oid) -> SPIPlanPtr;
    pub(super) fn SPI_keepplan(plan: SPIPlanPtr) -> c_int;
    pub(super) fn SPI_freeplan(plan: SPIPlanPtr) -> c_int;
    pub(super) fn SPI_execute_plan_extended(plan: SPIPlanPtr, options: *const SPIExecuteOptions) -> c_int;
    pub(super) fn SPI_execute_plan(
        plan: SPIPlanPtr,
        values: *mut Datum,
        nulls: *const c_char,
        read_only: bool,
        limit: c_long,
    ) -> c_int;
    pub(super) fn SPI_execute_with_args(
        text: *const c_char,
        count: c_int,
        types: *mut Oid,
        values: *mut Datum,
        nulls: *const c_char,
        read_only: bool,
        limit: c_long,
    ) -> c_int;
    pub(super) fn SPI_getvalue(tuple: HeapTuple, descriptor: TupleDesc, column: c_int) -> *mut c_char;
    pub(super) fn SPI_register_trigger_data(data: *mut pgrx::pg_sys::TriggerData) -> c_int;
    // snapmgr.c
    pub(super) fn GetLatestSnapshot() -> pgrx::pg_sys::Snapshot;
    pub(super) fn PushActiveSnapshot(snapshot: pgrx::pg_sys::Snapshot);
    pub(super) fn PopActiveSnapshot();
    // params.c
    pub(super) fn makeParamList(count: c_int) -> ParamListInfo;
    // fmgr.c
    pub(super) fn InputFunctionCall(info: *mut FmgrInfo, text: *mut c_char, io_param: Oid, typmod: i32) -> Datum;
    pub(super) fn OutputFunctionCall(info: *mut FmgrInfo, value: Datum) -> *mut c_char;
    pub(super) fn fmgr_info_cxt(function: Oid, info: *mut FmgrInfo, context: MemoryContext);
    pub(super) fn DirectFunctionCall1Coll(
        function: unsafe extern "C-unwind" fn(FunctionCallInfo) -> Datum,
        collation: Oid,
        argument: Datum,
    ) -> Datum;
    pub(super) fn DirectFunctionCall3Coll(
        function: unsafe extern "C-unwind" fn(FunctionCallInfo) -> Datum,
        collation: Oid,
        first: Datum,
        second: Datum,
        third: Datum,
    ) -> Datum;
    pub(super) fn pg_detoast_datum(value: *mut pgrx::pg_sys::varlena) -> *mut pgrx::pg_sys::varlena;
    pub(super) fn pg_detoast_datum_packed(value: *mut pgrx::pg_sys::varlena) -> *mut pgrx::pg_sys::varlena;
    // arrayfuncs.c
    pub(super) fn construct_md_array(
        values: *mut Datum,
        nulls: *mut bool,
        dimensions: c_int,
        counts: *mut c_int,
        lower_bounds: *mut c_int,
        r#type: Oid,
        length: c_int,
        is_by_value: bool,
        align: c_char,
    ) -> *mut pgrx::pg_sys::ArrayType;
    // json.c, jsonb.c, numeric.c
    pub(super) fn array_to_json(fcinfo: FunctionCallInfo) -> Datum;
    pub(super) fn row_to_json(fcinfo: FunctionCallInfo) -> Datum;
    pub(super) fn numeric_in(fcinfo: FunctionCallInfo) -> Datum;
    pub(super) fn jsonb_in(fcinfo: FunctionCallInfo) -> Datum;
    pub(super) fn json_in(fcinfo: FunctionCallInfo) -> Datum;
    pub(super) fn numeric_out(fcinfo: FunctionCallInfo) -> Datum;
    pub(super) fn jsonb_out(fcinfo: FunctionCallInfo) -> Datum;
    pub(super) fn JsonEncodeDateTime(buffer: *mut c_char, value: Datum, r#type: Oid, zone: *const c_int)
    -> *mut c_char;
    pub(super) fn CheckFunctionValidatorAccess(validator: Oid, function: Oid) -> bool;
    // lsyscache.c, catalog
    pub(super) fn getTypeOutputInfo(r#type: Oid, function: *mut Oid, is_varlena: *mut bool);
    pub(super) fn getTypeInputInfo(r#type: Oid, function: *mut Oid, io_param: *mut Oid);
    pub(super) fn get_typtype(r#type: Oid) -> c_char;
    pub(super) fn getBaseType(r#type: Oid) -> Oid;
    pub(super) fn format_type_extended(r#type: Oid, typmod: i32, flags: bits32) -> *mut c_char;
    // tuples
    pub(super) fn heap_deform_tuple(tuple: HeapTuple, descriptor: TupleDesc, values: *mut Datum, nulls: *mut bool);
    pub(super) fn heap_modify_tuple_by_cols(
        tuple: HeapTuple,
        descriptor: TupleDesc,
        count: c_int,
        columns: *const c_int,
        values: *const Datum,
        nulls: *const bool,
    ) -> HeapTuple;
    pub(super) fn heap_copy_tuple_as_datum(tuple: HeapTuple, descriptor: TupleDesc) -> Datum;
    pub(super) fn slot_getsomeattrs_int(slot: *mut TupleTableSlot, count: c_int);
    pub(super) fn tuplestore_gettupleslot(
        state: *mut Tuplestorestate,
        forward: bool,
        copy: bool,
        slot: *mut TupleTableSlot,
    ) -> bool;
    pub(super) fn tuplestore_rescan(state: *mut Tuplestorestate);
    pub(super) fn tuplestore_puttuple(state: *mut Tuplestorestate, tuple: HeapTuple);
    pub(super) fn InitMaterializedSRF(fcinfo: FunctionCallInfo, flags: bits32);
    pub(super) fn domain_check(
        value: Datum,
        is_null: bool,
        r#type: Oid,
        extra: *mut *mut c_void,
        context: MemoryContext,
    );
    pub(super) fn get_call_result_type(
        fcinfo: FunctionCallInfo,
        result_type: *mut Oid,
        descriptor: *mut TupleDesc,
    ) -> pgrx::pg_sys::TypeFuncClass::Type;
    // miscinit.c, postgres.c: these cannot raise, and stand on the path of every call
    pub(super) fn GetUserId() -> Oid;
    pub(super) fn GetOuterUserId() -> Oid;
    pub(super) fn set_stack_base() -> *mut c_char;
    pub(super) fn restore_stack_base(base: *mut c_char);
    pub(super) fn get_stack_depth_rlimit() -> c_long;
    // mbutils.c
    pub(super) fn GetDatabaseEncoding() -> c_int;
    pub(super) fn pg_server_to_any(text: *const c_char, length: c_int, encoding: c_int) -> *mut c_char;
    pub(super) fn pg_any_to_server(text: *const c_char, length: c_int, encoding: c_int) -> *mut c_char;
    // guc.c
    pub(super) fn set_config_option(
        name: *const c_char,
        value: *const c_char,
        context: pgrx::pg_sys::GucContext::Type,
        source: pgrx::pg_sys::GucSource::Type,
        action: pgrx::pg_sys::GucAction::Type,
        change: bool,
        level: c_int,
        is_reload: bool,
    ) -> c_int;
    pub(super) fn AtEOXact_GUC(commit: bool, level: c_int);
    // xact.c, snapmgr.c, execMain.c
    pub(super) fn SetCurrentStatementStartTimestamp();
    pub(super) fn StartTransactionCommand();
    pub(super) fn CommitTransactionCommand();
    pub(super) fn AbortCurrentTransaction();
    pub(super) fn GetTransactionSnapshot() -> pgrx::pg_sys::Snapshot;
    pub(super) fn standard_ExecutorFinish(query: *mut pgrx::pg_sys::QueryDesc);
    // pgtz.c
    pub(super) fn pg_open_tzfile(name: *const c_char, exact: *mut c_char) -> c_int;
    pub(super) fn pg_tzset(name: *const c_char) -> *mut pgrx::pg_sys::pg_tz;
    pub(super) fn close(file: c_int) -> c_int;
    // ipc.c
    pub(super) fn proc_exit(code: c_int) -> !;
    // waitevent.c
    #[cfg(any(feature = "pg17", feature = "pg18"))]
    pub(super) fn WaitEventExtensionNew(name: *const c_char) -> u32;
    #[cfg(any(feature = "pg17", feature = "pg18"))]
    pub(super) fn LWLockReleaseAll();
    // xlog.c, syncrep.c
    pub(super) fn XLogFlush(position: u64);
    pub(super) fn SyncRepWaitForLSN(position: u64, commit: bool);
    // discard.c
    pub(super) fn PortalHashTableDeleteAll();
    pub(super) fn ResetAllOptions();
    pub(super) fn DropAllPreparedStatements();
    pub(super) fn ResetSequenceCaches();
    pub(super) fn LockReleaseAll(method: u16, all_locks: bool);
    pub(super) fn ResetTempTableNamespace();
    // bgworker.c, latch.c, signals
    pub(super) fn BackgroundWorkerInitializeConnection(database: *const c_char, role: *const c_char, flags: u32);
    pub(super) fn BackgroundWorkerInitializeConnectionByOid(database: Oid, role: Oid, flags: u32);
    pub(super) fn WaitLatch(
        latch: *mut pgrx::pg_sys::Latch,
        events: c_int,
        timeout_ms: c_long,
        wait_event: u32,
    ) -> c_int;
    pub(super) fn ResetLatch(latch: *mut pgrx::pg_sys::Latch);
    pub(super) fn ProcessConfigFile(context: pgrx::pg_sys::GucContext::Type);
    pub(super) fn die(signal: c_int);
    pub(super) fn SignalHandlerForConfigReload(signal: c_int);
    pub(super) fn SignalHandlerForShutdownRequest(signal: c_int);
    pub(super) fn ConditionalLockRelationOid(relation: Oid, mode: c_int) -> bool;
    pub(super) fn kill(pid: c_int, signal: c_int) -> c_int;
    // controldata_utils.c
    pub(super) fn get_controlfile(data: *const c_char, is_valid: *mut bool) -> *mut pgrx::pg_sys::ControlFileData;
    // ipci.c, shmem.c
    pub(super) fn RequestAddinShmemSpace(bytes: usize);
    pub(super) fn ShmemInitStruct(name: *const c_char, bytes: usize, found: *mut bool) -> *mut c_void;
    // inval.c
    pub(super) fn CacheInvalidateRelcacheByRelid(relation: Oid);
}
