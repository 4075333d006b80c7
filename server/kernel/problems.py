"""One catalogue of problem codes (RFC 9457). docs/errors.md lists the same codes; a test keeps them equal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """A problem as documented: HTTP status and one sentence in Chinese and in English."""

    status: int
    zh: str
    en: str


CATALOGUE: dict[str, Kind] = {
    "account_locked": Kind(
        403, "账号已停用，请联系管理员。", "The account is disabled; ask an administrator."
    ),
    "already_resolved": Kind(409, "该行已处理过。", "This row was dealt with already."),
    "approval_missing": Kind(
        409,
        "没有覆盖当天全部检查的有效审批。",
        "No approval in force covers every inspection of that day.",
    ),
    "approval_withdrawn": Kind(
        409,
        "该审批已撤回。",
        "This approval was withdrawn already.",
    ),
    "bad_credentials": Kind(401, "用户名或密码不对。", "The user name or password is wrong."),
    "bad_envelope": Kind(
        400,
        "请求的外层格式不对，里面的内容没有被处理。",
        "The request's envelope is malformed; nothing in it was processed.",
    ),
    "bad_period": Kind(
        422,
        "看不懂这个周期，例如 2026Q3、2026-07、2026-W31。",
        "The period is not understood; write 2026Q3, 2026-07 or 2026-W31.",
    ),
    "bad_request": Kind(400, "请求格式不对。", "The request is malformed."),
    "body_too_large": Kind(413, "内容过大，请分批发送。", "The body is too large; send it in parts."),
    "campaign_withdrawn": Kind(409, "该专项行动已撤销。", "This campaign was withdrawn already."),
    "calendar_tokens_full": Kind(
        409,
        "日历订阅已达上限，请先停用不再使用的。",
        "There are as many calendars as one may have; revoke one that is not used any more.",
    ),
    "cell_lent": Kind(
        403,
        "该网格只是临时授权，须由负责该网格的中队办理。",
        "The cell is only lent to you; the squad that has duty in it does this.",
    ),
    "checksum_mismatch": Kind(
        460,
        "这一段内容的校验和不对，没有写入，请重发。",
        "The body does not have the checksum sent; nothing of it was written, send it again.",
    ),
    "client_too_old": Kind(
        426, "应用版本过旧，请更新后再同步。", "The app is too old; update it, then sync."
    ),
    "clue_step": Kind(
        409,
        "该线索现在不能这样办理，请按步骤进行。",
        "This does not follow on what was done with the clue; take the steps in their order.",
    ),
    "conflict": Kind(
        409, "数据已被他人改动，请刷新后重试。", "The data was changed by someone else; reload and try again."
    ),
    "csrf_failed": Kind(403, "页面已过期，请刷新后重试。", "The page has expired; reload it and try again."),
    "custody_corrected": Kind(
        409,
        "该登记已经更正过，更正本身不能再更正。",
        "This act was corrected already, or is a correction itself.",
    ),
    "custody_not_decided": Kind(
        409,
        "物品还没有相应的处理决定，不能这样处理。",
        "There is no decision on these goods that allows this.",
    ),
    "custody_not_keeper": Kind(
        403,
        "只有保管该库的证物管理员可以办理。",
        "Only the keeper who answers for the store may do this.",
    ),
    "custody_number_taken": Kind(
        409,
        "该销毁编号已经用过。",
        "This number of a destruction is taken.",
    ),
    "custody_out_of_order": Kind(
        422,
        "时间与该物品已有的登记先后不符，或还没有到。",
        "The moment does not follow what is written of these goods, or has not come.",
    ),
    "custody_over_registered": Kind(
        409,
        "入库数量超过清单登记的数量。",
        "More would be taken in than the list registers.",
    ),
    "custody_own_case": Kind(
        403,
        "办案人员不能保管本案的证物。",
        "An officer of the case is never the keeper of its goods.",
    ),
    "custody_settled": Kind(
        409,
        "物品已按原决定处理，不能改作其他决定。",
        "The goods have left by the decision that holds; they cannot be decided on anew.",
    ),
    "custody_short": Kind(
        409,
        "该处现存的数量不够。",
        "There is less of these goods there.",
    ),
    "device_not_renewable": Kind(
        409,
        "该设备已停用，不能续期，请重新登记。",
        "This device was revoked and cannot be renewed; enrol it anew.",
    ),
    "device_revoked": Kind(
        403,
        "本设备已停用：未上传的记录仍可上传，不再下发数据。",
        "This device is revoked: its pending records still land, nothing more is sent to it.",
    ),
    "dispatch_of_record": Kind(
        409,
        "这次出动来自现场记录，请提交更正记录，不在后台改。",
        "A field record told of this dispatch; amend the record instead.",
    ),
    "draw_pool_stale": Kind(
        409,
        "冻结后登记了新的回避，备选名单已不适用，请取消后重新冻结。",
        "Somebody of the pool was recused since it was frozen; cancel the draw and freeze it anew.",
    ),
    "draw_pool_too_small": Kind(
        422,
        "备选名单不足以按规则抽取，什么都没有抽。",
        "The pool is too small for the rule; nothing was drawn.",
    ),
    "draw_seed_known": Kind(
        422,
        "种子须在冻结（或上一次抽取）之后公布。",
        "The seed must have become public after the pool was frozen, or after the round before.",
    ),
    "draw_state": Kind(
        409,
        "该抽取的当前状态不允许此操作。",
        "The draw is not in the state that this needs.",
    ),
    "draw_unreadable": Kind(
        422,
        "文件不是完整的抽取公开文件。",
        "The file is no published file of a draw.",
    ),
    "draw_window_over": Kind(
        409,
        "该抽取的检查日期已过。",
        "The days of this draw are over.",
    ),
    "duty_begun": Kind(
        409,
        "该责任变更已经开始执行，不能撤回；请另行变更，把网格交还。",
        "This change of duty has begun and cannot be withdrawn; hand the cells back by another.",
    ),
    "duty_overlap": Kind(
        409, "同一网格同一时间只能有一个责任中队。", "A cell has one responsible squad at any one time."
    ),
    "duty_replaced": Kind(
        409,
        "该责任变更已被后来的变更取代，没有可撤回的内容。",
        "Later changes of duty left nothing of this one to withdraw.",
    ),
    "duty_withdrawn": Kind(
        409,
        "该责任变更已撤回，或者本身就是撤回。",
        "This change of duty was withdrawn already, or is a withdrawal itself.",
    ),
    "file_mismatch": Kind(
        422,
        "收到的内容与声明的 SHA-256 不符：已另行保存待查，请核对本机文件后重新上传。",
        "The bytes do not have the SHA-256 claimed: they are kept apart; check the file on the device and upload it again.",
    ),
    "file_erased": Kind(
        410,
        "该文件已到保存期限，内容已删除；曾有此文件的事实仍保留。",
        "The file's time was over and its bytes are gone; that there was one is still kept.",
    ),
    "file_too_large": Kind(
        413,
        "文件超过该类文件的上限。",
        "The file is larger than its kind may be.",
    ),
    "form_in_use": Kind(
        409,
        "现行制度用到该表单，停用后将没有已发布的版本，请先发布新版本或调整制度。",
        "A policy in force names this form and would be left without a published version; publish another first.",
    ),
    "form_not_published": Kind(
        422,
        "制度所用的检查表没有发布，或不属于该层级。",
        "A checklist that the policy names is not published, or is not of that tier.",
    ),
    "form_own_draft": Kind(
        403,
        "表单须由起草人以外的法制人员或局领导发布。",
        "A form is published by somebody of the legal office or a leader who did not draft it.",
    ),
    "form_published": Kind(
        409, "该版本表单已发布，不能修改。", "This form version is published and cannot change."
    ),
    "form_retired": Kind(409, "该版本表单已停用。", "This form version is retired already."),
    "forbidden": Kind(403, "没有权限进行此操作。", "You may not do this."),
    "grant_over": Kind(409, "该临时授权已结束或已撤销。", "This grant has ended or was revoked already."),
    "hand_over_changed": Kind(
        409,
        "移交提出后库存有变动，请重新提出移交。",
        "The store changed since it was offered; offer it anew.",
    ),
    "hand_over_settled": Kind(
        409,
        "该移交已确认，或已有更新的移交。",
        "This hand-over was acknowledged, or a newer one took its place.",
    ),
    "handover_state": Kind(
        409,
        "交接单当前的办理状态不允许此操作。",
        "The hand-over sheet is not in the state that this step needs.",
    ),
    "internal": Kind(
        500, "服务器出错，已发送的内容没有丢失。", "The server failed; nothing already sent is lost."
    ),
    "invalid": Kind(422, "有字段填写不对，见 errors。", "Some fields are not valid; see errors."),
    "issue_same_person": Kind(
        403,
        "拟稿、审核、签发须由三个不同的人办理。",
        "Drafting, reviewing and issuing are done by three different people.",
    ),
    "issue_stale": Kind(
        409,
        "按截止时刻重新计算，结果与拟稿不一致，请退回后重新拟稿。",
        "Worked out again as of its moment the report differs from the draft; return it and draft it anew.",
    ),
    "issue_state": Kind(
        409,
        "报表当前的办理状态不允许此操作。",
        "The report is not in the state that this step needs.",
    ),
    "issue_too_early": Kind(
        422,
        "周期尚未结束或宽限期未满，还不能按该时刻拟稿。",
        "The period, or its grace, is not over by that moment; the report cannot be drafted as of it yet.",
    ),
    "issue_unchanged": Kind(
        409,
        "与上一版相比没有变化，不需要更正。",
        "Nothing differs from the version before; there is nothing to restate.",
    ),
    "issue_unsynced": Kind(
        409,
        "有设备在周期结束后尚未同步，见 errors；写明情况后才能拟稿。",
        "Devices have not synced since the period's end, see errors; say what of it to draft nevertheless.",
    ),
    "licence_taken": Kind(409, "该许可证号已登记。", "This licence number is already registered."),
    "method_not_allowed": Kind(405, "该地址不支持这种请求。", "This address does not take this method."),
    "not_acceptable": Kind(406, "不支持所要求的格式。", "The requested format is not offered."),
    "not_by_phone": Kind(
        409,
        "只有电话审批需要补签。",
        "Only an approval by phone is written up.",
    ),
    "not_found": Kind(404, "没有找到，或不在您的辖区内。", "Not found, or not within your scope."),
    "nothing_chosen": Kind(
        422,
        "没有符合条件、尚未完成的应查任务；两周以后才开始的周期还没有生成。",
        "Nothing that is owed and not met fits; periods that begin in more than two weeks are not written down yet.",
    ),
    "number_taken": Kind(
        409,
        "该编号已被使用。",
        "This number is taken.",
    ),
    "obligation_closed": Kind(
        409,
        "该应查任务已结束，不能免查或撤回。",
        "This obligation is closed and cannot be waived or withdrawn.",
    ),
    "obligation_not_missed": Kind(
        409, "该应查任务不是漏查，不能补查。", "This obligation is not missed, so nothing can make it up."
    ),
    "own_draft": Kind(
        403,
        "制度须由起草人以外的法制人员签批。",
        "A policy is signed off by somebody of the legal office who did not draft it.",
    ),
    "paper_unknown": Kind(404, "该记录没有这种文书。", "The record gives no such paper."),
    "plan_day_over": Kind(409, "计划日期已过。", "The day of the plan is over."),
    "plan_not_solved": Kind(
        409,
        "计划还没有编排，或编排后又改过，请先编排。",
        "The plan was not solved, or was changed since; solve it first.",
    ),
    "plan_state": Kind(
        409,
        "计划的当前状态不允许此操作。",
        "The plan's present state does not allow this.",
    ),
    "plan_under_way": Kind(
        409,
        "已有小组出发，计划不能撤回或替换。",
        "A team has set out; the plan can be neither withdrawn nor replaced.",
    ),
    "plans_differ": Kind(
        422,
        "这些计划不能一起编排。",
        "These plans cannot be solved together.",
    ),
    "policy_above_cap": Kind(
        409,
        "该制度要求的检查次数超过年度检查频次上限，须先由法制人员签批。",
        "The policy asks for more visits a year than the cap allows; the legal office must sign it off first.",
    ),
    "policy_backdated": Kind(
        422,
        "日期须在今天之后：已开始的周期不能改变。",
        "The day must lie ahead: what has begun cannot be changed.",
    ),
    "policy_state": Kind(
        409,
        "制度的当前状态不允许此操作。",
        "The policy is not in the state that this needs.",
    ),
    "rate_limited": Kind(429, "尝试过于频繁，请稍后再试。", "Too many tries; wait a little."),
    "recusal_over": Kind(
        409,
        "该回避已经解除。",
        "This recusal was ended already.",
    ),
    "reference_missing": Kind(409, "引用的对象不存在。", "Something this refers to does not exist."),
    "report_too_long": Kind(
        422,
        "报表太长，不能即时排成 PDF，请改用 CSV 或 XLSX，或缩小范围。",
        "The report is too long to be set as PDF at once; take CSV or XLSX, or ask for less.",
    ),
    "roster_overlap": Kind(
        409,
        "与该人员已有的排班重叠。",
        "It overlaps an entry of this person's roster.",
    ),
    "roster_withdrawn": Kind(409, "该排班已撤销。", "This entry of the roster was withdrawn already."),
    "sign_in_needed": Kind(401, "请先登录。", "Sign in first."),
    "solving_over": Kind(409, "这次编排已经结束。", "This run of the solver is over."),
    "solving_running": Kind(
        409,
        "该计划正在编排，请等待结束或先取消。",
        "The plan is being solved; wait for its end or cancel it first.",
    ),
    "storage_full": Kind(
        507,
        "服务器存储空间不足，已收到的内容没有丢失，请稍后再传。",
        "The server's storage is full; nothing received is lost, try again later.",
    ),
    "store_code_taken": Kind(
        409,
        "该库房编号已经用过。",
        "This code of a store is taken.",
    ),
    "tag_ended": Kind(409, "该标签已撤下。", "This tag was ended already."),
    "tag_taken": Kind(409, "该标签代码已有。", "There is a tag of this code."),
    "thumbnail_not_ready": Kind(
        404,
        "缩略图还没有做好，请稍后再取。",
        "The thumbnail is not made yet; try again soon.",
    ),
    "thumbnail_unavailable": Kind(
        404,
        "该文件不能生成缩略图，请查看原件。",
        "No thumbnail can be made of this file; look at the original.",
    ),
    "too_many_found": Kind(
        422,
        "符合条件的记录超过 20000 条，请缩小时间或范围后再导出。",
        "More than 20,000 records are found; narrow the time or the area.",
    ),
    "too_many_uploads": Kind(
        429,
        "未完成或同一记录的上传过多，请先完成已有的上传。",
        "Too many uploads are open, or belong to one record; finish those first.",
    ),
    "tus_version_unsupported": Kind(
        412,
        "只支持 tus 1.0.0 协议。",
        "Only version 1.0.0 of the tus protocol is spoken.",
    ),
    "unavailable": Kind(503, "服务暂不可用，请稍后重试。", "The service is not ready; try again soon."),
    "unsupported_media_type": Kind(415, "不支持这种内容类型。", "This content type is not supported."),
    "upload_gone": Kind(
        410,
        "该上传已结束，请重新开始。",
        "This upload has ended; begin it anew.",
    ),
    "upload_offset_wrong": Kind(
        409,
        "续传位置与服务器不一致，请查询后再续传。",
        "The upload ends at another offset; ask for it and go on from there.",
    ),
    "upload_settled": Kind(
        409,
        "文件已经收下，不能撤回。",
        "The file has been received and cannot be withdrawn.",
    ),
    "username_taken": Kind(409, "用户名已被使用。", "The user name is taken."),
    "visit_does_not_fit": Kind(
        409,
        "该次检查早于宽限期结束，或所用检查表不能抵作该任务。",
        "The visit was made before grace ended, or its checklist does not meet this obligation.",
    ),
    "visit_not_linked": Kind(
        409, "该次检查没有事后关联的补查。", "Nothing was linked to this visit after the fact."
    ),
    "visit_not_valid": Kind(
        409, "该次检查无效，不能作为补查。", "The visit is not valid and makes up nothing."
    ),
    "visit_used": Kind(
        409,
        "该次检查已完成或补查了另一项任务。",
        "The visit met or made up another obligation already.",
    ),
    "waiver_withdrawn": Kind(409, "该免查已撤回。", "This waiver was withdrawn already."),
    "workdays_missing": Kind(
        422,
        "该年度的工作日尚未导入，无法给出确定的期限。",
        "The workdays of that year are not loaded, so no firm due date can be given.",
    ),
    "written_up_already": Kind(
        409,
        "该审批已补签。",
        "This approval was written up already.",
    ),
}

# The database keeps the invariants; this table says which problem a broken one is to whoever broke it.
CONSTRAINTS: dict[str, str] = {
    "ck_custody_holding_quantity": "custody_short",
    "ex_duty_cell_id_valid": "duty_overlap",
    "ex_roster_entry_absence": "roster_overlap",
    "ex_roster_entry_secondment": "roster_overlap",
    "ex_secondment_person_id_valid": "roster_overlap",
    "pk_approval_withdrawal": "approval_withdrawn",
    "pk_approval_write_up": "written_up_already",
    "pk_campaign_withdrawal": "campaign_withdrawn",
    "pk_hand_over_acknowledgement": "hand_over_settled",
    "pk_place_tag_end": "tag_ended",
    "uq_account_username": "username_taken",
    "uq_account_username_lower": "username_taken",
    "uq_campaign_bureau_id_number": "number_taken",
    "uq_custody_act_corrects_id": "custody_corrected",
    "uq_custody_act_destruction": "custody_number_taken",
    "uq_custody_store_bureau_id_code": "store_code_taken",
    "uq_dispatch_replaces_id": "conflict",
    "uq_draw_round_draw_id_number": "draw_state",
    "uq_draw_step_draw_id_step": "draw_state",
    "uq_duty_change_withdraws_id": "duty_withdrawn",
    "uq_form_bureau_id_form_code_version": "form_published",
    "uq_handover_step_sheet_id_seq": "handover_state",
    "uq_inspection_approval_bureau_id_approval_no": "number_taken",
    "uq_outlet_bureau_id_licence_no": "licence_taken",
    "uq_population_draw_policy_tier_id_key": "draw_pool_stale",
    "uq_recusal_end_recusal_id": "recusal_over",
    "uq_registration_write_up_list_id": "written_up_already",
    "uq_tag_kind_bureau_id_code": "tag_taken",
}

STATUS_CODES: dict[int, str] = {
    400: "bad_request",
    401: "sign_in_needed",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    409: "conflict",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "rate_limited",
    500: "internal",
    503: "unavailable",
}


class Problem(Exception):
    """Raise to fail: the unit of work rolls back and the answer is problem+json.

    ``errors`` lists fields at fault as ``{"path": "/officers/1", "code": …, "detail": …}``.
    """

    def __init__(
        self,
        code: str,
        *,
        detail: str | None = None,
        errors: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.kind = CATALOGUE[code]
        self.code = code
        self.detail = detail or f"{self.kind.zh}{self.kind.en}"
        self.errors = errors or []
        self.headers = headers or {}
        super().__init__(f"{code}: {self.detail}")

    def body(self) -> dict[str, Any]:
        """The problem+json members."""
        body: dict[str, Any] = {
            "type": f"/problems/{self.code}",
            "title": self.kind.zh,
            "title_en": self.kind.en,
            "status": self.kind.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = self.errors
        return body


def invalid(path: str, code: str, detail: str) -> Problem:
    """The 422 ``invalid`` for one field at fault: ``{"path": path, "code": code, "detail": detail}`` in its errors.

    ``path`` is the JSON pointer of the field in the body, or / and the name of a query argument ("" for all of it);
    ``code`` says what is wrong with it and never changes; ``detail`` is for people, Chinese first, English behind it.
    """
    return Problem("invalid", errors=[{"path": path, "code": code, "detail": detail}])


def problem_at(path: str, code: str, detail: str) -> Problem:
    """The problem of a ``code`` in the catalogue, with the one field that is the cause; arguments as of ``invalid``."""
    return Problem(code, errors=[{"path": path, "code": code, "detail": detail}])


def problem_of_constraint(name: str | None, sqlstate: str | None) -> Problem:
    """The problem for a broken database constraint; an unnamed one is a plain conflict."""
    if name in CONSTRAINTS:
        return Problem(CONSTRAINTS[name])
    if sqlstate == "23503":
        return Problem("reference_missing", detail=f"引用的对象不存在（{name}）。")
    return Problem("conflict", detail=f"数据与约束 {name} 冲突。The data breaks the constraint {name}.")
